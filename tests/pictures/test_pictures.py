"""Pictures of runs: what they show, that anything can be drawn, and that bytes repeat."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from grader.pictures import (
    contours,
    curve,
    density_map,
    image_grid,
    passages,
    scatter,
    trajectory,
)
from grader.pictures.canvas import MOST_BYTES, power, thinned, wrapped
from grader.pictures.curves import _frame
from grader.pictures.passages import MOST_LINES, _lines
from grader.pictures.planes import _unseen

STEPS = np.arange(1.0, 201.0)
ORANGE, BLUE = (213, 94, 0), (0, 114, 178)


def opened(png: bytes) -> Image.Image:
    """The picture; it must be a PNG file that carries nothing but pixels."""
    picture = Image.open(io.BytesIO(png))
    picture.load()
    assert picture.format == "PNG"
    assert not {"Software", "Title", "Creation Time"} & set(picture.info)
    assert len(png) <= MOST_BYTES
    return picture.convert("RGB")


def pixels(png: bytes, colour: tuple[int, int, int], near: int = 8) -> int:
    """How many pixels are of about that colour."""
    values = np.asarray(opened(png)).astype(int)
    return int((np.abs(values - colour).max(axis=2) <= near).sum())


def draw_curve(y: np.ndarray, **options) -> bytes:
    columns = {"step": STEPS[: len(y)], "loss": y}
    return curve(columns, x="step", ys=["loss"], title="Loss", ylabel="nats", **options)


SPIRAL = np.stack(
    [np.exp(-STEPS / 90) * np.cos(STEPS / 9), 0 * STEPS, np.exp(-STEPS / 90) * np.sin(STEPS / 9)],
    axis=1,
)
RING = np.exp(-((np.hypot(*np.meshgrid(np.linspace(-3, 3, 60), np.linspace(-3, 3, 60))) - 2) ** 2))
NOISE = np.random.default_rng(0)
POINTS = NOISE.normal(size=(800, 2))
DRAWINGS = {
    "curve": lambda: draw_curve(1 / STEPS),
    "image_grid": lambda: image_grid(NOISE_IMAGES, title="Samples"),
    "contours": lambda: contours(RING, 3, title="Contours", points=POINTS),
    "density_map": lambda: density_map(RING, 3, title="Density", points=POINTS),
    "scatter": lambda: scatter([("a", POINTS, None), ("b", POINTS, POINTS[:, 0])], half_width=3),
    "trajectory": lambda: trajectory(SPIRAL, target=0, title="Game", words="converges"),
    "passages": lambda: passages([("greedy", "To be,\nor", " not to be" * 30)], title="Texts"),
}
NOISE_IMAGES = NOISE.random((100, 3, 32, 32))


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_same_data_give_the_same_bytes(name: str) -> None:
    first = DRAWINGS[name]()
    assert DRAWINGS[name]() == first
    opened(first)


def test_bytes_do_not_depend_on_the_machines_settings_and_pyplot_stays_out(tmp_path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsavefig.facecolor: black\n")
    code = (
        "import sys, hashlib, numpy as np; from grader.pictures import curve; "
        "c = {'step': np.arange(9.), 'loss': np.arange(9.)}; "
        "print(hashlib.sha256(curve(c, x='step', ys=['loss'], title='T', ylabel='nats'))"
        ".hexdigest(), 'matplotlib.pyplot' in sys.modules)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env=environment,
        ).stdout
        for environment in (None, {"MATPLOTLIBRC": str(tmp_path), "PATH": "", "HOME": "/nowhere"})
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].split()[1] == "False"


def test_drawing_leaves_the_settings_as_they_were() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_curve(1 / STEPS)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "values",
    [
        np.full(200, np.nan),
        np.full(200, np.inf),
        np.full(200, 1e308),
        np.zeros(0),
    ],
    ids=["nan", "inf", "huge", "none"],
)
@pytest.mark.parametrize("log", [False, True])
def test_a_curve_without_anything_to_draw_is_a_sentence(values: np.ndarray, log: bool) -> None:
    told = opened(draw_curve(values, log=log))
    assert told.height < opened(draw_curve(1 / STEPS)).height / 2


def test_a_column_that_is_not_there_is_named_instead_of_drawn() -> None:
    picture = curve({"step": STEPS}, x="step", ys=["loss"], title="Loss", ylabel="nats")
    assert pixels(picture, ORANGE, near=60) > 100
    short = {"step": STEPS, "loss": STEPS[:5]}
    picture = curve(short, x="step", ys=["loss"], title="Loss", ylabel="nats")
    assert pixels(picture, ORANGE, near=60) > 100


def test_a_gap_in_a_curve_is_left_open_and_told() -> None:
    broken = np.ones(200)
    broken[50:150] = np.nan
    whole = draw_curve(np.ones(200))
    assert pixels(draw_curve(broken), BLUE) < 0.6 * pixels(whole, BLUE)
    assert pixels(draw_curve(broken), ORANGE, near=60) > 100
    assert pixels(whole, ORANGE, near=60) == 0


def test_a_single_value_is_seen() -> None:
    alone = np.full(200, np.nan)
    alone[70] = 3
    assert pixels(draw_curve(alone), BLUE) > 10
    assert pixels(draw_curve(np.array([2.0])), BLUE) > 10


def test_outliers_are_told_and_do_not_flatten_the_rest() -> None:
    values = 100 + 10 * np.exp(-STEPS / 50)
    assert _frame(values, []) is None
    values[0] = 1e9
    frame = _frame(values, [95.0])
    assert frame is not None
    (bottom, top), told = frame
    assert 90 < bottom < 95
    assert 109 < top < 112
    assert told.startswith("1 of 200 values lie outside")
    assert "1e+09" in told


def test_a_level_is_drawn_and_one_that_is_no_number_is_not() -> None:
    plain = draw_curve(1 / STEPS)
    assert draw_curve(1 / STEPS, marks={"asked": math.nan}) == plain
    assert draw_curve(1 / STEPS, marks={"asked": 0.5}) != plain


def test_images_are_drawn_pixel_by_pixel() -> None:
    red = np.zeros((2, 3, 8, 8))
    red[0, 0] = 1
    green = np.zeros((2, 3, 8, 8))
    green[:, 1] = 1
    counts = Counter(
        opened(image_grid(np.concatenate([red, green]), title="")).get_flattened_data()
    )
    # 8 x 8 images are drawn 16 times as large.
    assert counts[255, 0, 0] == 128**2
    assert counts[0, 255, 0] == 2 * 128**2
    assert counts[0, 0, 0] == 128**2


def test_an_image_is_not_mirrored_or_turned() -> None:
    image = np.ones((1, 8, 8))
    image[0, 0, 0] = 0
    black = np.argwhere(np.asarray(opened(image_grid(image, title=""))).max(axis=2) == 0)
    top, left = black.min(axis=0)
    bottom, right = black.max(axis=0)
    assert (bottom - top + 1, right - left + 1) == (16, 16)
    assert top < 20
    assert left < 20


def test_images_that_hold_no_numbers_are_marked() -> None:
    images = np.zeros((3, 8, 8))
    images[1, 2, 2] = np.nan
    drawn = np.asarray(opened(image_grid(images, title="")))
    marked = np.argwhere((drawn[:140] == ORANGE).all(axis=2))
    assert len(marked) == 16**2
    assert pixels(image_grid(images[:1], title=""), ORANGE, near=0) == 0


@pytest.mark.parametrize(
    "images",
    [
        np.full((4, 8, 8), np.nan),
        np.zeros((0, 8, 8)),
        np.full((4, 1, 8, 8), 7.0),
        np.zeros((300, 3, 4, 4)),
    ],
)
def test_any_images_can_be_drawn(images: np.ndarray) -> None:
    opened(image_grid(images, title="Samples"))


def test_density_has_x_as_its_first_index() -> None:
    corner = np.zeros((40, 40))
    corner[30:, :10] = 1  # large x, small y: lower right
    values = np.asarray(opened(density_map(corner, 2, title=""))).astype(int)
    purple = (np.abs(values - (68, 1, 84)).max(axis=2) < 8).sum(axis=0).argmax()
    yellow = np.abs(values - (253, 231, 37)).max(axis=2) < 8
    rows = np.flatnonzero(yellow.any(axis=1) & (yellow.sum(axis=1) > 60))
    columns = np.flatnonzero(yellow[rows].sum(axis=0) > 60)
    assert rows.min() > 0.55 * len(values)
    assert columns.min() > purple


@pytest.mark.parametrize("value", [0.0, 3.0, -1.0, np.nan, np.inf, 1e300])
def test_any_density_can_be_drawn(value: float) -> None:
    values = np.full((20, 20), value)
    opened(density_map(values, 2, title="Density"))
    opened(contours(values, 2, title="Contours"))
    opened(contours(values, 2, title="Contours", points=np.full((5, 2), value)))
    values[0, 0] = 1
    opened(density_map(values, 2, title="Density", points=np.full((5, 2), value)))


def test_points_that_are_not_seen_are_counted() -> None:
    points = np.array([[0, 0], [3, 0], [0, -9], [np.nan, 0], [np.inf, 1], [1e200, 0]])
    assert _unseen(points, 2.5, "arcs") == [
        "arcs: 3 of 6 points are not finite",
        "arcs: 2 of 6 points lie outside",
    ]
    assert _unseen(points[:1], 2.5, "arcs") == []
    assert _unseen(points[:0], 2.5, "") == ["there are no points"]


@pytest.mark.parametrize("points", [np.full((5, 2), np.nan), np.zeros((0, 2)), np.full((5, 2), 9)])
def test_any_points_can_be_drawn(points: np.ndarray) -> None:
    colours = np.full(len(points), np.inf)
    opened(scatter([("a", points, colours), ("b", points, None)], half_width=3))


def test_six_panels_of_points_stay_small() -> None:
    panels = [(f"{n}", NOISE.normal(size=(2000, 2)), NOISE.normal(size=2000)) for n in range(6)]
    opened(scatter(panels, half_width=4, title="Six"))
    opened(scatter([], half_width=4, title="None"))


@pytest.mark.parametrize(
    "path",
    [
        np.full((9, 3), np.nan),
        np.zeros((500, 3)),
        np.zeros((1, 3)),
        SPIRAL * np.exp(STEPS / 9)[:, None],
        np.where(STEPS[:, None] > 40, np.inf, SPIRAL),
        np.where(STEPS[:, None] > 40, -1e99, SPIRAL),
    ],
    ids=["nan", "still", "one", "far", "inf", "huge"],
)
def test_any_game_can_be_drawn(path: np.ndarray) -> None:
    opened(trajectory(path, target=0, title="Game", words="words " * 40))


def test_wrong_shapes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"\(N, 1 or 3, H, W\), not \(4, 2, 8, 8\)"):
        image_grid(np.zeros((4, 2, 8, 8)), title="")
    with pytest.raises(ValueError, match=r"\(R, R\), not \(3, 4\)"):
        density_map(np.zeros((3, 4)), 1, title="")
    with pytest.raises(ValueError, match="contours"):
        contours(np.zeros((3, 4)), 1, title="")
    with pytest.raises(ValueError, match=r"\(N, 2\), not \(5, 3\)"):
        scatter([("", np.zeros((5, 3)), None)], half_width=1)
    with pytest.raises(ValueError, match="as many colours"):
        scatter([("", np.zeros((5, 2)), np.zeros(4))], half_width=1)
    with pytest.raises(ValueError, match=r"\(steps \+ 1, 3\), not \(5, 2\)"):
        trajectory(np.zeros((5, 2)), target=0, title="")


def test_thinning_keeps_both_ends() -> None:
    assert thinned(5, 10).tolist() == [0, 1, 2, 3, 4]
    kept = thinned(100_001, 2000)
    assert len(kept) == 2000
    assert kept[[0, -1]].tolist() == [0, 100_000]
    assert thinned(0, 10).tolist() == []


def test_ticks_of_logarithmic_axes() -> None:
    assert [power(v) for v in (0, 1, 200, -10, 1e4, -1e12, 1e-5)] == [
        "0", "1", "200", "−10", "10⁴", "−10¹²", "10⁻⁵"
    ]  # fmt: skip


def test_long_titles_are_wrapped() -> None:
    assert "\n" in wrapped("word " * 40, 6.4, 11)
    assert wrapped("short", 6.4, 11) == "short"


# --- texts ----------------------------------------------------------------------------------------


def test_lines_of_a_text_keep_every_letter_and_know_what_was_given() -> None:
    given, following = "First\nline, ", "then a long one " * 12 + "\n\nend"
    lines = _lines(given, following)
    shown = ["".join(words for _, words, _ in line) for line in lines]
    assert shown[0] == "First" and shown[-1] == "end" and shown[-2] == ""
    assert "".join(shown).replace(" ", "") == (given + following).replace(" ", "").replace("\n", "")
    greys = "".join(words for line in lines for _, words, is_given in line if is_given)
    assert greys == "First" + "line, "
    assert all(start + len(words) <= 84 for line in lines for start, words, _ in line)


def test_texts_of_any_kind_can_be_drawn() -> None:
    strange = [
        ("empty", "", ""),
        ("odd", "\x00\x07\t", "$x^2$ \u2028 <b>"),
        ("tall", "", "\n" * 500),
    ]
    assert opened(passages(strange, title="T")).height < 3000
    opened(passages([], title="T"))
    assert len(_lines("", "\n" * 500)) == MOST_LINES + 1
