"""croissant.json: mlcroissant loads it without complaint and reads what pyarrow reads."""

import hashlib
import json
import logging
import warnings

import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rdflib
from releases import build, read_manifest

from transferz.dataset.page.croissant import CONTEXT, croissant
from transferz.dataset.sources.registry import load_registry
from transferz.schemas import CONFIGS, RELEASE, SPLITS, InputError
from transferz.schemas.survey.files import CROISSANT_FILE, data_files, json_text

SDO = rdflib.Namespace("https://schema.org/")
PROV = rdflib.Namespace("http://www.w3.org/ns/prov#")
UPSTREAM = {"sha256": "ab" * 32, "bytes": 12, "url": "https://example.org/a.csv"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return build(tmp_path_factory.mktemp("croissant"), photometric=200, spectroscopic=300)


@pytest.fixture(scope="module")
def manifest(release):
    return read_manifest(release)


@pytest.fixture(scope="module")
def document(release):
    return json.loads((release / CROISSANT_FILE).read_text(encoding="utf-8"))


def load(release):
    """Load with mlcroissant; what it or its libraries say of themselves is let pass, no more."""
    with warnings.catch_warnings(record=True) as said:
        dataset = mlcroissant.Dataset(str(release / CROISSANT_FILE))
    assert [one for one in said if not about_a_library(one)] == []
    return dataset


def about_a_library(said):
    """rdflib's ConjunctiveGraph, pandas' `inplace`: of a library's own use of another."""
    return issubclass(said.category, DeprecationWarning | PendingDeprecationWarning)


def test_the_release_holds_what_the_function_returns_and_it_repeats(release, manifest):
    text = (release / CROISSANT_FILE).read_text(encoding="utf-8")
    assert text == json_text(croissant(manifest, release))


def test_mlcroissant_finds_no_error_and_no_warning(release, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = load(release)
    assert caplog.messages == []
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    assert dataset.metadata.ctx.is_v1_1()
    assert [one.uuid for one in dataset.metadata.record_sets] == ["splits", *CONFIGS]


def test_a_complaint_of_mlcroissant_would_be_heard(document, tmp_path, caplog):
    context = {key: value for key, value in CONTEXT.items() if key != "path"}
    (tmp_path / CROISSANT_FILE).write_text(json_text(document | {"@context": context}))
    with caplog.at_level(logging.WARNING):
        load(tmp_path)
    assert "not standard" in caplog.text


def test_the_context_is_the_standards(document):
    """mlcroissant's own, which it compares with, but for languages, which we do not mix."""
    from mlcroissant._src.core.context import Context, CroissantVersion
    from mlcroissant._src.core.rdf import make_context

    standard = make_context(Context(conforms_to=CroissantVersion.V_1_1))
    tagged = {"name": {"@container": "@language"}, "description": {"@container": "@language"}}
    assert tagged | {key: CONTEXT[key] for key in standard if key not in tagged} == standard
    assert document["@context"] == CONTEXT


@pytest.mark.parametrize("config", CONFIGS)
def test_mlcroissant_reads_the_records_that_pyarrow_reads(release, config, caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("ignore", DeprecationWarning)  # pandas', see about_a_library
        found = [plain(record) for record in load(release).records(config)]
    wanted = [
        {"split": split} | row
        for split, paths in data_files(release)[config].items()
        for row in pa.concat_tables(map(pq.read_table, paths)).to_pylist()
    ]
    assert caplog.messages == []
    assert by_id(found) == by_id([with_config(config, row) for row in wanted])


def test_mlcroissant_reads_one_split(release, caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("ignore", DeprecationWarning)
        records = list(load(release).records("combo", filters={"combo/split": "test"}))
    rows = pq.read_table(data_files(release)["combo"]["test"][0])
    assert caplog.messages == []
    assert [one["combo/object_id"] for one in records] == rows["object_id"].to_pylist()
    assert {one["combo/split"] for one in records} == {b"test"}


def plain(record):
    return {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in record.items()
    }


def with_config(config, row):
    return {f"{config}/{name}": value for name, value in row.items()}


def by_id(records):
    return sorted(
        records, key=lambda record: next(v for k, v in record.items() if "object_id" in k)
    )


def parquet_files(release):
    return [path for pattern in ("*.parquet", "*.index") for path in release.rglob(pattern)]


def test_every_parquet_file_is_listed_with_its_size_and_hash(release, document):
    listed = {
        one["contentUrl"]: (one["sha256"], one["contentSize"])
        for one in document["distribution"]
        if one["@type"] == "cr:FileObject"
    }
    there = {path.relative_to(release).as_posix(): path for path in parquet_files(release)}
    assert listed == {
        name: (hashlib.sha256(path.read_bytes()).hexdigest(), f"{path.stat().st_size} B")
        for name, path in there.items()
    }


def test_the_splits_are_croissants(document):
    sets = {one["@id"]: one for one in document["recordSet"]}
    assert sets["splits"]["dataType"] == "cr:Split"
    assert [row["splits/name"] for row in sets["splits"]["data"]] == list(SPLITS)
    for config in CONFIGS:
        assert sets[config]["key"] == {"@id": f"{config}/object_id"}
        split, *columns = sets[config]["field"]
        assert split["references"] == {"field": {"@id": "splits/name"}}
        assert [one["name"] for one in columns] == list(RELEASE.names)


def test_a_mock_says_that_it_is_one(document, manifest):
    assert "mock" in document["name"]
    assert "simulated" in document["description"]
    assert document["version"] == manifest["version"] == "2.0.0+mock"
    for entity in document["prov:wasDerivedFrom"]:
        assert "mock" in entity["name"].lower() and entity["description"].startswith("Simulated")
        assert not {"license", "url", "citation"} & set(entity)


def test_provenance_is_prov_to_a_reader_of_rdf(document, manifest):
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        graph = rdflib.Graph().parse(data=json_text(document), format="json-ld")
    [dataset] = graph.subjects(PROV.wasGeneratedBy)
    origins = set(graph.objects(dataset, PROV.wasDerivedFrom))
    assert origins == set(graph.subjects(rdflib.RDF.type, PROV.Entity)) - parameters(graph)
    hashes = {
        str(digest)
        for origin in origins
        for file in graph.objects(origin, SDO.distribution)
        for digest in graph.objects(file, SDO.sha256)
    }
    assert hashes == {facts["sha256"] for facts in manifest["upstream"].values()}
    [activity] = graph.objects(dataset, PROV.wasGeneratedBy)
    packages = {
        str(graph.value(agent, SDO.name)): str(graph.value(agent, SDO.softwareVersion))
        for agent in graph.objects(activity, PROV.wasAssociatedWith)
    }
    assert packages == manifest["packages"]


def parameters(graph):
    """What the making used besides its sources."""
    return set(graph.objects(None, PROV.used))


def test_changed_parameters_are_another_activity(release, manifest):
    changed = manifest | {"parameters": manifest["parameters"] | {"match": {"radius_arcsec": 0.5}}}
    found, before = croissant(changed, release), croissant(manifest, release)
    assert found["prov:wasGeneratedBy"] != before["prov:wasGeneratedBy"]
    found["prov:wasGeneratedBy"] = before["prov:wasGeneratedBy"]
    assert found == before


@pytest.mark.parametrize(
    ("survey", "sources"),
    [
        ("cosmos2020", {"cosmos2020": "cosmos2020_classic", "hsc": "hsc_pdr2"}),
        ("authors", {"transferz": "transferz", "galaxiesml": "galaxiesml"}),
    ],
)
def test_a_real_survey_names_its_catalogues_terms_and_files(release, manifest, survey, sources):
    upstream = {f"{catalogue}/a.csv": UPSTREAM for catalogue in sources}
    real = {"survey": survey, "mock": False, "sources": sources, "upstream": upstream}
    document = croissant(manifest | real, release)
    registry = load_registry()
    found = document["prov:wasDerivedFrom"]
    for entity, key in zip(found, sources.values(), strict=True):
        edition = registry[key]
        assert (entity["name"], entity["license"]) == (edition.title, edition.licence)
        assert edition.citation.text in entity["citation"]
        assert entity["identifier"][0] == key
        assert entity["url"].startswith("https://")
        [file] = entity["distribution"]
        assert (file["contentUrl"], file["sha256"]) == (UPSTREAM["url"], UPSTREAM["sha256"])
    assert document["license"].startswith("https://")
    assert "mock" not in document["name"]


def test_a_release_without_a_citation_file_is_refused(tmp_path, manifest):
    with pytest.raises(InputError, match=r"CITATION\.cff"):
        croissant(manifest, tmp_path)
