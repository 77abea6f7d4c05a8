"""The second stage of a recommender: candidates in, purchase probabilities out."""
