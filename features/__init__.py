"""Facts: tables, histories, features and training sets. Imports nothing of training or serving."""

__project__ = "retarget"
