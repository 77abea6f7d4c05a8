"""Experiments whose units are regions or stores: groups and lots, estimates with placebo distributions, designs."""
