"""What the course needs where isthmus is installed: named results for its lessons, and its exercises.

The lessons themselves are in the repository's ``course/`` folder and become pages and notebooks from there. A lesson
names and asserts each of its numbers through a `Lesson`; ``isthmus learn`` reads the files in ``exercises/``.
"""

from __future__ import annotations

from isthmus.course.lesson import Lesson, ResultError, Spread

__all__ = ["Lesson", "ResultError", "Spread"]
