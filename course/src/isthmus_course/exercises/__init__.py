"""The course's exercises, one file a chapter."""
