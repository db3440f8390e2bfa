"""Pictures differ by kind, colour and pattern, so much that a crude feature can tell."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from shopr.data.simulator import World
from shopr.data.simulator.pictures import PICTURE_SIZE, draw_picture, draw_pictures, picture_names
from shopr.data.simulator.vocabulary import KINDS, PATTERNS


def _shape(picture: Image.Image) -> np.ndarray:
    """Edges on a coarse grid: where something is, whatever its colour; mirrored pictures look alike."""
    small = np.asarray(picture.convert("L").resize((24, 24), Image.Resampling.BOX), dtype=float)
    edges = np.hypot(*np.gradient(small))
    edges = edges / (np.linalg.norm(edges) + 1e-9)
    return (edges + edges[:, ::-1]).ravel()


def _hue(picture: Image.Image) -> np.ndarray:
    """Mean colour of what stands out from the corners."""
    pixels = np.asarray(picture, dtype=float).reshape(-1, 3)
    away = np.abs(pixels - pixels[0]).sum(axis=1)
    return pixels[away > 60].mean(axis=0)


@pytest.fixture(scope="module")
def looks() -> list[tuple[str, str, str, int, Image.Image]]:
    found = []
    for number, kind in enumerate(KINDS):
        for step in range(6):
            colour = kind.colours[(number + 3 * step) % len(kind.colours)]
            pattern = PATTERNS[step % 3 * 2] if kind.patterned else "plain"
            found.append((kind.key, colour, pattern, step % 2, draw_picture(kind.key, colour, pattern, step % 2)))
    return found


def _accuracy(features: np.ndarray, labels: np.ndarray, known: np.ndarray) -> float:
    model = KNeighborsClassifier(1).fit(features[known], labels[known])
    return float((model.predict(features[~known]) == labels[~known]).mean())


def test_a_simple_feature_tells_the_kind(looks: list[tuple[str, str, str, int, Image.Image]]) -> None:
    features = np.array([_shape(look[4]) for look in looks])
    labels = np.array([look[0] for look in looks])
    known = np.arange(len(looks)) % 6 < 4
    assert _accuracy(features, labels, known) > 0.6  # chance is 1 in 60


def test_a_simple_feature_tells_the_colour(looks: list[tuple[str, str, str, int, Image.Image]]) -> None:
    features = np.array([_hue(look[4]) for look in looks])
    labels = np.array([look[1] for look in looks])
    known = np.random.default_rng(0).random(len(looks)) < 0.75
    assert _accuracy(features, labels, known) > 0.45  # chance is about 1 in 14


@pytest.mark.parametrize("kind", [k.key for k in KINDS if k.patterned])
def test_patterns_and_variations_differ(kind: str) -> None:
    drawn = [np.asarray(draw_picture(kind, "blue", pattern), dtype=int) for pattern in PATTERNS]
    for i, one in enumerate(drawn):
        for other in drawn[i + 1 :]:
            assert (np.abs(one - other).sum(axis=2) > 40).mean() > 0.01
    assert (np.asarray(draw_picture(kind, "blue", "plain", 1)) != drawn[0]).any()


def test_files_are_shared_by_products_that_look_alike(world: World) -> None:
    seen: list[tuple[str, int, int]] = []
    few = World(3, products=60, shoppers=5, days=7)
    files = draw_pictures(few.products, lambda *progress: seen.append(progress))
    names = picture_names(few.products)
    assert set(names) == set(files)
    assert len(files) <= 60
    assert seen[-1] == ("pictures", len(files), len(files))
    picture = Image.open(io.BytesIO(files[names[0]]))
    assert picture.size == (PICTURE_SIZE, PICTURE_SIZE)
    assert picture.format == "WEBP"
    assert max(map(len, files.values())) < 20_000
    assert draw_pictures(few.products) == files
    assert len(set(picture_names(world.products))) < len(world.products)
