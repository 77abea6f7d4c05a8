"""Why a person is contacted or not, and why an item is shown or not, in words."""
