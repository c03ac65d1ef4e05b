"""Questions 3.1 and 3.4: a planar transformation and the log-determinant of its Jacobian.

Both methods move `u`, by the given `adjust_u`, where w.u < -1. Where `eps` is added in
`get_logdet`, and whether, is left open: determinants are kept above 0.05, where that makes
no visible difference.
"""

import pytest
import torch

SLACK = 5e-5
LAYERS = 4  # whose slopes are taken: in one alone, what a cut takes away may be too small to see


def layer(draw, dim, wu):
    """Parameters with this value of w.u, u not along w, and a visible b."""
    w, other = draw.normal(1, dim), draw.normal(1, dim, std=0.7)
    w = w * (draw.number(0.8, 1.4) / w.norm())
    square = (w * w).sum()
    across = other - (other * w).sum() * w / square
    return {"u": across + wu * w / square, "w": w, "b": draw.uniform(1, low=0.3, high=1.0)}


def responds(expect, result, other, what):
    expect.finite(result, what=what)
    expect.finite(other, what=what)
    same = torch.equal(torch.as_tensor(result).double(), torch.as_tensor(other).double())
    expect.true(
        not same, f"{what} is the same for two different inputs", "Is the function finished?"
    )


def follows_its_own_slope(slopes, expect, what):
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    expect.true(
        bool(wanted.isfinite().all()) and float(wanted.abs().max()) > 1e-3,
        f"{what} does not depend on u, w, b and x",
        "Is the function finished?",
        detail,
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.03 * float(wanted.abs().max()) + 5e-3).all()),
        f"{what} is not differentiated with respect to u, w, b and x as its values say",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        detail,
    )


def directions(draw, batch, dim):
    """Four in the parameters, the points at rest, and four in the points alone.

    A cut takes away the whole gradient of one or the other.
    """
    rest = {"u": (1, dim), "w": (1, dim), "b": (1,), "points": (batch, dim)}
    return [
        {
            name: draw.normal(*shape) if (name == "points") == moves_points else torch.zeros(*shape)
            for name, shape in rest.items()
        }
        for moves_points in (False,) * 4 + (True,) * 4
    ]


# --- 3.1 PlanarTransformation.forward ---------------------------------------------------------


def forward_agrees(submission, reference, probes, expect, parameters, x, what, help):
    keywords = {**parameters, "x": x, "method": "forward"}
    expect.close(
        submission(probes.planar, **keywords)["result"],
        reference(probes.planar, **keywords)["result"],
        what=what,
        help=help,
        slack=SLACK,
    )


@pytest.mark.question("q3.1", weight=4)
def test_planar_transformation_bends_along_u(submission, reference, probes, expect, draw):
    """f(x) = x + u tanh(w.x + b): every point moves along u, as far as its place along w says."""
    for dim in (2, draw.integer(3, 5)):
        forward_agrees(
            submission,
            reference,
            probes,
            expect,
            layer(draw, dim, draw.number(-0.8, 1.5)),
            draw.normal(7, dim),
            "the planar transformation",
            "x + u tanh(w.x + b), with one number w.x + b per point.",
        )


@pytest.mark.question("q3.1", weight=1)
def test_planar_transformation_stays_invertible(submission, reference, probes, expect, draw):
    """Where w.u < -1, `adjust_u` moves u first; without that the transformation folds."""
    forward_agrees(
        submission,
        reference,
        probes,
        expect,
        layer(draw, 2, draw.number(-4.0, -1.5)),
        draw.normal(6, 2),
        "the planar transformation for w.u < -1",
        "The call of adjust_u at the head of the method is given; keep it, and use self.u after.",
    )


@pytest.mark.question("q3.1", weight=1)
def test_planar_transformation_can_be_trained(submission, probes, expect, draw):
    """u, w and b learn through the transformation, and so do the layers before it, through the
    points; its own values are the yardstick."""
    for _ in range(LAYERS):
        slopes = submission(
            probes.planar_slopes,
            **layer(draw, 2, draw.number(0.2, 0.8)),
            x=draw.normal(4, 2),
            method="forward",
            directions=directions(draw, 4, 2),
            step=0.01,
        )
        follows_its_own_slope(slopes, expect, "the planar transformation")


@pytest.mark.question("q3.1", weight=1)
def test_planar_transformation_keeps_shape_and_argument(submission, probes, expect, draw):
    """(B, dim) goes in and comes out, also for one point or on a line, and the points that go in
    stay."""
    for batch, dim in ((5, 2), (1, 2), (4, 1)):
        x = draw.normal(batch, dim)
        parameters = layer(draw, dim, draw.number(0.5, 1.5))
        result = submission(probes.planar, **parameters, x=x, method="forward")
        responds(expect, result["result"], x, "the planar transformation")
        expect.shape(result["result"], (batch, dim), what="the planar transformation")
        expect.unchanged(result["x"], x, what="x")


# --- 3.4 PlanarTransformation.get_logdet ------------------------------------------------------


# It may be found by autograd of the submission's own forward, which question 3.1 has marked. So a
# log-determinant is accepted if it is the right one, or that of the submission's own forward, or,
# where this is wrong, that of the probe's forward in its place.


def forward_is_right(submission, reference, probes, expect, draw):
    """Whether 3.1 is right in all that it asks: values, shapes, slopes, and points that stay."""
    try:
        for batch, dim, wu in ((5, 2, 0.7), (6, 4, -0.6), (1, 2, 1.1), (4, 2, -2.0), (4, 1, 0.7)):
            made, x = layer(draw, dim, wu), draw.normal(batch, dim)
            runs = [
                i(probes.planar, **made, x=x, method="forward") for i in (submission, reference)
            ]
            expect.shape(runs[0]["result"], (batch, dim))
            expect.close(runs[0]["result"], runs[1]["result"], slack=SLACK)
            expect.unchanged(runs[0]["x"], x, what="x")
        keywords = {**layer(draw, 2, 0.7), "x": draw.normal(4, 2)}
        jacobians = [i(probes.planar_jacobian, **keywords) for i in (submission, reference)]
        expect.close(*jacobians, slack=SLACK)
        along = {"method": "forward", "directions": directions(draw, 4, 2), "step": 0.01}
        slopes = [i(probes.planar_slopes, **keywords, **along) for i in (submission, reference)]
        expect.close(*(torch.tensor(found["autograd"]) for found in slopes), slack=1e-3)
    except AssertionError:
        return False
    return True


def with_any_forward(right, check):
    """Follow-through: the check holds on the submission's own forward, or on one in its place.

    Args:
        right: the arguments of `forward_is_right`: where it is, no other takes its place.
    """
    try:
        check({})
    except AssertionError:
        if forward_is_right(*right):
            raise
        check({"stand_in_forward": True})


def logdet_agrees(submission, reference, probes, expect, draw, parameters, x, what, help):
    keywords = {**parameters, "x": x, "method": "get_logdet"}
    right = reference(probes.planar, **keywords)
    try:
        got = submission(probes.planar, **keywords)["result"]
        got = expect.each(got, len(x), what=what)
        try:
            expect.close(got, right["result"], what=what, help=help, slack=SLACK)
        except AssertionError:
            if not is_that_of_its_own_forward(submission, probes, expect, parameters, x, got):
                raise
    except AssertionError:
        if forward_is_right(submission, reference, probes, expect, draw):
            raise
        adjusted = {**parameters, "u": right["u"]}
        if not is_that_of_the_stand_in(submission, probes, expect, adjusted, keywords):
            raise


def is_that_of_its_own_forward(submission, probes, expect, parameters, x, got):
    """A Jacobian whose determinant is the same everywhere, as if forward did nothing, proves
    nothing."""
    try:
        own = submission(probes.planar_jacobian, **parameters, x=x).double().det().abs().log()
        expect.finite(own)
        expect.close(got, own.float(), slack=10 * SLACK)
    except AssertionError:
        return False
    return float(own.max() - own.min()) > 20 * SLACK + 0.01


def is_that_of_the_stand_in(submission, probes, expect, adjusted, keywords):
    """log(1 + w.u / (1 + a^2)) with a = w.x + b, for the probe's x + u atan(a)."""
    a = keywords["x"] @ adjusted["w"].t() + adjusted["b"]
    wanted = torch.log(1 + adjusted["w"] @ adjusted["u"].t() / (1 + a**2))
    try:
        got = submission(probes.planar, **keywords, stand_in_forward=True)["result"]
        expect.close(expect.each(got, len(wanted)), wanted, slack=10 * SLACK)
    except AssertionError:
        return False
    return True


@pytest.mark.question("q3.4", weight=4)
def test_logdet_is_that_of_the_jacobian(submission, reference, probes, expect, draw):
    """log(1 + h'(w.x + b) w.u): by the matrix determinant lemma. A slip in 3.1 is not charged
    again where the Jacobian of the submission's own forward is taken."""
    for dim, wu in ((2, draw.number(0.5, 2.5)), (draw.integer(3, 5), draw.number(-0.8, -0.4))):
        logdet_agrees(
            submission,
            reference,
            probes,
            expect,
            draw,
            layer(draw, dim, wu),
            draw.normal(7, dim),
            "get_logdet",
            "The derivative of tanh(a) is 1 - tanh(a)^2; the determinant needs a logarithm.",
        )


@pytest.mark.question("q3.4", weight=1)
def test_logdet_uses_the_adjusted_u(submission, reference, probes, expect, draw):
    """Where w.u < -1, `adjust_u` moves u first, so that the determinant is positive."""
    logdet_agrees(
        submission,
        reference,
        probes,
        expect,
        draw,
        layer(draw, 2, draw.number(-2.5, -1.5)),
        draw.normal(6, 2),
        "get_logdet for w.u < -1",
        "The call of adjust_u at the head of the method is given; keep it, and use self.u after.",
    )


@pytest.mark.question("q3.4", weight=1)
def test_logdet_can_be_trained(submission, reference, probes, expect, draw):
    """Both losses are differentiated through the log-determinant, with respect to u, w and b and,
    for the layers before, to the points; its own values are the yardstick."""
    for _ in range(LAYERS):
        keywords = {
            **layer(draw, 2, draw.number(0.8, 1.5)),
            "x": draw.normal(6, 2, std=0.5),
            "method": "get_logdet",
            "directions": [
                {name: 0.3 * value for name, value in direction.items()}
                for direction in directions(draw, 6, 2)
            ],
            "step": 0.02,
        }

        def can_be_trained(forward, keywords=keywords):
            slopes = submission(probes.planar_slopes, **keywords, **forward)
            follows_its_own_slope(slopes, expect, "get_logdet")

        right = (submission, reference, probes, expect, draw)
        with_any_forward(right, can_be_trained)


@pytest.mark.question("q3.4", weight=1.5)
def test_logdet_has_one_column(submission, reference, probes, expect, draw):
    """The result has shape (B, 1), also for one point or on a line, and the points that go in
    stay."""
    for batch, dim in ((5, 2), (1, 2), (4, 1)):
        x, other = draw.normal(batch, dim), draw.normal(batch, dim)
        keywords = {**layer(draw, dim, draw.number(0.5, 1.5)), "method": "get_logdet"}

        def has_one_column(forward, x=x, other=other, keywords=keywords, batch=batch):
            result, again = (
                submission(probes.planar, **keywords, x=points, **forward) for points in (x, other)
            )
            responds(expect, result["result"], again["result"], "get_logdet")
            expect.unchanged(result["x"], x, what="x")
            expect.shape(result["result"], (batch, 1), what="get_logdet(x)")

        right = (submission, reference, probes, expect, draw)
        with_any_forward(right, has_one_column)
