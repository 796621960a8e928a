"""How a network runs on this machine: what is compared, the rule, and that what was chosen is kept."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from search.extractors.engines import autotune_cache, openvino, precision
from search.extractors.engines.autotune_cache import kept, machine_key
from search.extractors.engines.base import Maps, Pixels
from search.extractors.engines.conversion import converted
from search.extractors.engines.openvino import OpenVINOEngine, PrecisionChoice
from search.extractors.engines.precision import Closeness, calibration_images, closeness, generated_images
from search.extractors.networks.converted_networks import IR_FILE
from search.extractors.networks.registry import get_network

LITE0 = get_network("efficientnet-lite0")
SIDE = 96


@dataclass(frozen=True)
class Choice:
    speed: float


@pytest.fixture
def own_ir(cache_dir: Path, tmp_path: Path) -> Path:
    """Return the IR file of a network in a folder where nothing was chosen yet."""
    shutil.copytree(
        converted(LITE0, ("top",), SIDE, cache_dir).parent,
        tmp_path / "ir",
        ignore=shutil.ignore_patterns("*.json", "*.lock"),
    )
    return tmp_path / "ir" / IR_FILE


def random_maps(seed: int = 0) -> Maps:
    return np.random.default_rng(seed).random((5, 4, 4, 8), dtype=np.float32)


def test_the_same_maps_are_as_close_as_can_be_also_where_all_is_zero() -> None:
    maps = [random_maps(), np.zeros((5, 2, 2, 3), dtype=np.float32)]
    found = closeness(maps, maps)
    assert found.lowest == pytest.approx(1.0)
    assert found.enough


def test_the_layer_that_is_least_close_decides() -> None:
    exact, spoilt = random_maps(), random_maps()
    spoilt[:] = random_maps(1)
    assert not closeness([exact, exact], [exact, spoilt]).enough


def test_a_value_that_overflowed_is_not_close() -> None:
    other = random_maps()
    other[2, 0, 0, 0] = np.inf
    assert closeness([random_maps()], [other]).lowest < precision.LEAST_COSINE


@pytest.mark.parametrize(
    ("mean", "lowest", "enough"), [(0.996, 0.991, True), (0.994, 0.993, False), (0.998, 0.98, False)]
)
def test_both_the_mean_and_the_lowest_cosine_count(mean: float, lowest: float, enough: bool) -> None:
    assert Closeness(mean, lowest).enough is enough


def test_precisions_are_compared_on_sample_images_and_without_them_on_generated_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision, "IMAGES_OF_EACH", 16)
    images = calibration_images(64)
    assert images.shape == (2 * precision.IMAGES_OF_EACH, 64, 64, 3)
    np.testing.assert_array_equal(images, calibration_images(64))
    assert len({image.tobytes() for image in images}) == len(images)
    monkeypatch.setattr(precision, "SAMPLES_DIR", tmp_path)
    np.testing.assert_array_equal(calibration_images(64), generated_images(64))


def test_a_choice_is_made_once_however_many_ask(tmp_path: Path) -> None:
    made: list[float] = []

    def choose() -> Choice:
        made.append(1.5)
        return Choice(1.5)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: kept(tmp_path / "choice.json", Choice, choose), range(8)))
    assert found == [Choice(1.5)] * 8
    assert made == [1.5]


@pytest.mark.parametrize("content", ["{", "{}", '{"speed": 1, "colour": 2}', "7"])
def test_a_damaged_or_older_choice_is_made_again(content: str, tmp_path: Path) -> None:
    path = tmp_path / "choice.json"
    path.write_text(content)
    assert kept(path, Choice, lambda: Choice(2.0)) == Choice(2.0)
    assert kept(path, Choice, lambda: Choice(3.0)) == Choice(2.0)


def test_another_processor_or_engine_chooses_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = machine_key("1.0")
    assert first == machine_key("1.0") != machine_key("1.1")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nFeatures : asimd bf16\n")
    monkeypatch.setattr(autotune_cache, "CPUINFO", cpuinfo)
    assert autotune_cache.processor_flags() == {"asimd", "bf16"}
    assert machine_key("1.0") != first


def test_a_precision_that_is_not_close_is_not_taken_and_that_is_remembered(
    own_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Closeness(0.994, 0.993)
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: True)
    monkeypatch.setattr(openvino, "closeness", lambda *maps: close)
    engine = OpenVINOEngine(own_ir, SIDE)
    assert engine.name == "openvino-f32"
    measured = engine.calibration()["precision"]
    assert (measured["precision"], measured["mean_cosine"]) == ("f32", close.mean)
    assert set(measured["ms"]) == {"f32", "bf16"}

    monkeypatch.setattr(openvino, "calibration_images", _not_again)
    assert OpenVINOEngine(own_ir, SIDE).calibration() == engine.calibration()


def test_a_choice_by_wall_clock_time_of_an_older_release_is_made_again_and_left_there(
    own_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = own_ir.parent / f"precision-{machine_key(openvino.import_openvino().__version__)}.json"
    text = json.dumps(asdict(PrecisionChoice("bf16", 1.0, 1.0, {"f32": 2.0, "bf16": 1.0})))
    older.write_text(text)
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: True)
    monkeypatch.setattr(openvino, "least_ms", lambda works, clock: (1.0, 2.0))
    measured = OpenVINOEngine(own_ir, SIDE).calibration()["precision"]
    assert (measured["precision"], measured["ms"]) == ("f32", {"f32": 1.0, "bf16": 2.0})
    assert older.read_text() == text


@pytest.mark.skipif(not openvino.has_native_bf16(), reason="this processor does not compute in bf16")
def test_bf16_is_taken_where_it_is_native_close_and_faster(
    own_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "IMAGES_OF_EACH", 16)
    monkeypatch.setattr(openvino, "least_ms", lambda works, clock: (2.0, 1.0))
    engine = OpenVINOEngine(own_ir, SIDE)
    measured = engine.calibration()["precision"]
    assert (engine.name, measured["precision"]) == ("openvino-bf16", "bf16")
    assert measured["mean_cosine"] >= precision.LEAST_MEAN_COSINE


def test_a_processor_without_bf16_measures_no_precision(
    own_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: False)
    engine = OpenVINOEngine(own_ir, SIDE)
    assert engine.name == "openvino-f32"
    assert engine.calibration() == {}


def test_a_large_batch_runs_in_streams_each_image_once(own_ir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "has_native_bf16", lambda: False)
    engine = OpenVINOEngine(own_ir, SIDE)
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    seen: list[int] = []

    def note(start: int, maps: tuple[Maps, ...]) -> None:
        seen.extend(range(start, start + len(maps[0])))

    engine.each(images, note)
    assert sorted(seen) == list(range(len(images)))
    alone = np.concatenate([engine.run(one[None])[0] for one in images])
    np.testing.assert_allclose(engine.run(images)[0], alone, atol=1e-3)


def test_what_fails_in_a_stream_is_told_to_the_caller(own_ir: Path) -> None:
    images = np.zeros((2, SIDE, SIDE, 3), dtype=np.uint8)

    def fail(start: int, maps: tuple[Maps, ...]) -> None:
        raise ValueError(f"picture {start}")

    with pytest.raises(ValueError, match="picture"):
        OpenVINOEngine(own_ir, SIDE).each(images, fail)


def test_a_lone_image_runs_in_its_callers_thread_and_one_that_comes_meanwhile_in_a_stream(
    own_ir: Path,
) -> None:
    engine = OpenVINOEngine(own_ir, SIDE)
    image = np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8)
    here, threads = threading.current_thread(), []

    def note(_: int, maps: tuple[Maps, ...]) -> None:
        threads.append(threading.current_thread())

    def another_comes(start: int, maps: tuple[Maps, ...]) -> None:
        note(start, maps)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(engine.each, image, note).result()

    engine.each(image, another_comes)
    engine.each(image, note)
    assert [thread is here for thread in threads] == [True, False, True]
    assert threads[1].name.startswith("stream")


def test_a_request_that_cannot_be_made_fails_that_call_only(
    own_ir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((2, SIDE, SIDE, 3), dtype=np.uint8)
    streams = OpenVINOEngine(own_ir, SIDE)._side_by_side()

    class OutOfMemory:
        def create_infer_request(self) -> None:
            raise MemoryError("none is left")

    with monkeypatch.context() as failing:
        failing.setattr(streams, "_compiled", OutOfMemory())
        with pytest.raises(MemoryError, match="none is left"):
            streams.each(images, _not_again)
    seen: list[int] = []
    streams.each(images, lambda start, maps: seen.append(start))
    assert sorted(seen) == [0, 1]


def test_images_of_many_threads_get_each_its_own_result(own_ir: Path) -> None:
    engine = OpenVINOEngine(own_ir, SIDE)
    images = np.random.default_rng(1).integers(0, 256, (8, 1, SIDE, SIDE, 3), dtype=np.uint8)
    alone = [engine.run(image)[0] for image in images]
    together = threading.Barrier(len(images))

    def ask(image: Pixels) -> list[Maps]:
        together.wait(30)
        return [engine.run(image)[0] for _ in range(5)]

    with ThreadPoolExecutor(len(images)) as pool:
        found = list(pool.map(ask, images))
    flat = np.array([one.ravel() for one in alone])
    for number, answers in enumerate(found):
        for answer in answers:
            nearest = np.abs(flat - answer.ravel()).max(axis=1).argmin()
            assert nearest == number, "the result of another image"
            # in bf16 a stream may add up in another order
            np.testing.assert_allclose(answer, alone[number], atol=0.02 * np.abs(alone[number]).max())


def test_an_error_is_told_to_the_caller_whose_image_it_is(own_ir: Path) -> None:
    engine = OpenVINOEngine(own_ir, SIDE)
    image = np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8)
    together = threading.Barrier(4)

    def ask(number: int) -> str:
        def work(start: int, maps: tuple[Maps, ...]) -> None:
            if number == 2:
                raise ValueError("of the second")

        together.wait(10)
        try:
            engine.each(image, work)
        except ValueError as error:
            return str(error)
        return "answered"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(1, 5)))
    assert found == ["answered", "of the second", "answered", "answered"]


def _not_again(*_: object) -> None:
    raise AssertionError("measured again")
