r"""
2. The line, by hand
====================

An encoder projects, a decoder maps back; all of it fits on a sheet of paper.

Suppose that points of the plane lie near a line. Then one number, the place along the
line, nearly says where a point is. Going from the point to its place is *encoding*;
going from the place to a point is *decoding*; how far the round trip ends from where it
began is the *error*. Everything in this course is made of these three steps, and here
each is one line of arithmetic.
"""

# %%
# The formula
# -----------
#
# Let :math:`v` be a vector along the line, and :math:`x` a point. Encoder, decoder and
# error are
#
# .. math:: z = w^\top x, \qquad \hat{x} = z\,v, \qquad \lVert x - \hat{x} \rVert^2
#
# In words: the *code* :math:`z` is one number, a weighted sum of the point's
# coordinates with the weights :math:`w`; the *reconstructed* point :math:`\hat{x}`,
# pronounced "x hat", is that many lengths of :math:`v`; and the error is the sum of the
# squared coordinates of what is lost, the *residual* :math:`x - \hat{x}`. The sign
# :math:`\top` turns a column into a row, so :math:`w^\top x = w_1 x_1 + w_2 x_2`.
#
# Which weights are best? The point of the line nearest to :math:`x` is the foot of the
# perpendicular from it, and asking the residual to be at right angles to :math:`v`
# gives
#
# .. math:: v^\top (x - z\,v) = 0 \quad\Longrightarrow\quad w = \frac{v}{v^\top v}
#
# Our line runs along :math:`v` = ({{ v[0]:g }}, {{ v[1]:g }}). So :math:`v^\top v` =
# {{ v[0]:g }}² + {{ v[1]:g }}² = {{ length:.2f }}, and the weights are ({{ w[0]:.4f }},
# {{ w[1]:.4f }}).
#
# The computation
# ---------------
#
# :func:`isthmus.closed_form.project` takes the three steps and keeps every number on
# the way. First a point on the line, then one beside it.

import numpy as np

from isthmus.closed_form import project, split_noise
from isthmus_course import Lesson

lesson = Lesson(2, "The line, by hand")

v = np.array([1.0, 0.9])
on_the_line = project([2.0, 1.8], direction=v)
beside_it = project([2.0, 2.4], direction=v)
for name, point in (("on the line:", on_the_line), ("beside it:  ", beside_it)):
    print(name, point.code, point.reconstruction, point.squared_error)

# %%
# Each number gets a name, and is compared with the answer on paper. If the two differed
# in the twelfth decimal, this page would not have been built.

lesson.given("v", v)
lesson.given("x", [2.0, 2.4])
lesson.exact("length", v @ v, known=1.81)
lesson.exact("w", beside_it.weights, known=[1 / 1.81, 0.9 / 1.81])
lesson.exact("on.code", on_the_line.code, known=3.62 / 1.81)
lesson.exact("on.error", on_the_line.squared_error, known=0.0)
lesson.exact("code", beside_it.code, known=4.16 / 1.81)
lesson.exact(
    "reconstructed", beside_it.reconstruction, known=[4.16 / 1.81, 0.9 * 4.16 / 1.81]
)
lesson.exact("errors", beside_it.errors, known=[0.81 * 0.36 / 1.81**2, 0.36 / 1.81**2])
lesson.exact("error", beside_it.squared_error, known=0.36 / 1.81)
lesson.exact("mean_error", beside_it.mean_squared_error, known=0.18 / 1.81)

# %%
# The point on the line has the code {{ on.code:g }} and is reconstructed with error
# {{ on.error:g }}. The point beside it, ({{ x[0]:.1f }}, {{ x[1]:.1f }}), has the code
# {{ code:.3f }}; it comes back as ({{ reconstructed[0]:.3f }}, {{ reconstructed[1]:.3f
# }}), and the error is {{ errors[0]:.3f }} + {{ errors[1]:.3f }} = {{ error:.3f }}.
#
# .. note::
#
#    That is a *sum* over the two coordinates. A loss that is called "mean squared
#    error" divides it by two and prints {{ mean_error:.4f }}. Both are in use, often
#    under the same name; chapter 4 shows what that does to anything that is added to a
#    loss.
#
# The picture
# -----------
#
# Drag the point x, or go to it with the Tab key and use the arrows, and see how the
# numbers change. On the line the error is zero; along the perpendicular the code does
# not change.

lesson.widget(
    "line",
    "The blue line, a point x beside it, and x̂, the nearest point of the line. The "
    "square corner says that what is lost (orange) is perpendicular to the line. Tick "
    "the box to see which part of the noise was taken out.",
    prompt="Drag the point off the line.",
    point=[2.0, 2.4],
    direction=v,
    truth=[2.0, 1.8],
    noise=False,
)

# %%
# Once is enough
# --------------
#
# Encoding and decoding in one step is a matrix, :math:`P = v\,w^\top`. What has been
# projected onto the line is on the line, so projecting it again changes nothing:
# :math:`P P = P`. A matrix with this property is called a projector; this one is also
# symmetric, so it projects at a right angle.

P = np.outer(v, beside_it.weights)
lesson.exact("P", P, known=[[1 / 1.81, 0.9 / 1.81], [0.9 / 1.81, 0.81 / 1.81]])
lesson.exact("once", np.abs(P @ P - P).max(), known=0.0)
print(P.round(6))

# %%
# The first entry of :math:`P` is {{ P[0][0]:.6f }}. To twelve decimals, the largest
# difference between :math:`P P` and :math:`P` is {{ once:.0f }}.
#
# An honest failure: the noise that stays
# ---------------------------------------
#
# It is often said that such a code "keeps the structure and discards the noise".
# Suppose that the clean point was ({{ clean[0]:.1f }}, {{ clean[1]:.1f }}), on the
# line, and that noise of length {{ noise:.1f }} pushed its second coordinate up. A push
# has a part across the line and a part along it, and only the part across can be
# recognized as noise:

split = split_noise([0.0, 0.6], direction=v)
lesson.given("clean", [2.0, 1.8])
lesson.given("noise", 0.6)
lesson.exact("kept", split.tangent, known=0.54 / np.sqrt(1.81))
lesson.exact("removed", split.normal, known=0.6 / np.sqrt(1.81))
lesson.exact("share", split.surviving_energy, known=0.81 / 1.81)
moved = beside_it.reconstruction - [2.0, 1.8]
lesson.exact("distance", np.linalg.norm(moved), known=split.tangent)

# %%
# .. list-table::
#
#    * - distance of the noisy point from the truth
#      - {{ noise:.3f }}
#    * - part of it across the line, removed
#      - {{ removed:.3f }}
#    * - part of it along the line, kept
#      - {{ kept:.3f }}
#    * - distance of the reconstructed point from the truth
#      - {{ distance:.3f }}
#
# The reconstructed point is nearer to the truth, but {{ share:.1%}} of the noise's
# energy is still in it; and the first coordinate, which was right, has been moved from
# {{ clean[0]:.1f }} to {{ reconstructed[0]:.3f }}. With one number out of two this has
# to happen: of noise that is equal in all directions, a code of :math:`p` numbers out
# of :math:`n` keeps the share :math:`p / n`, here {{ half:.0%}}. For 8 numbers out of
# 64 it is {{ eighth:.1%}}, and *that* is why codes are used for denoising.
#
# A smaller failure, found in print: the second coordinate given as
# {{ rounded_twice:.3f }}. That comes from rounding the code before multiplying, which
# gives {{ rounded_twice:.4f }}; the right value is {{ reconstructed[1]:.4f }}. Round
# once, at the end.

projectors = [np.diag([1.0] * p + [0.0] * (n - p)) for p, n in [(1, 2), (8, 64)]]
half, eighth = (np.trace(projector) / len(projector) for projector in projectors)
lesson.exact("half", half, known=1 / 2)
lesson.exact("eighth", eighth, known=8 / 64)
lesson.exact("rounded_twice", round(beside_it.code, 3) * 0.9, known=2.298 * 0.9)

# %%
# Exercise
# --------
#
# Do the point (1, −1) on paper, then write ``encode`` and ``decode`` in NumPy. Your
# answer is not compared with a stored one: the check tests whether your two functions
# *are* a projection onto the line at a right angle, and shows the smallest case in
# which they are not.
#
# .. code-block:: console
#
#    $ isthmus learn 2 --start chapter_2.py
#    $ isthmus learn 2 --check chapter_2.py
#
# Next: the line is not given, but must be found.
