"""What a person is shown: templates filled from the feed, guarded, and rotated."""
