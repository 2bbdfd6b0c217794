"""What the course needs besides isthmus, as a distribution of its own: named results for its lessons, and exercises.

The lessons themselves are in the repository's ``course/`` folder and become pages and notebooks from there. A lesson
names and asserts each of its numbers through a `Lesson`; ``isthmus learn`` finds the exercises by the entry points that
``course/pyproject.toml`` declares.
"""

from __future__ import annotations

from isthmus_course.lesson import Lesson, ResultError, Spread

__all__ = ["Lesson", "ResultError", "Spread"]
