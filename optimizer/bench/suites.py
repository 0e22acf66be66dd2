"""The suites as data. Instances come from files of the data folder, recipes with seeds, names."""

from __future__ import annotations

from optimizer.bench.cases import Case, Files, Suite


def _drawn(family: str, recipe: str, limit_s: float, gap: float, **options: object) -> Case:
    name = "-".join([recipe, *(_word(key, value) for key, value in options.items())])
    return Case(f"{family}/{name}", family, f"draw:{recipe}", dict(options), limit_s, gap)


def _word(name: str, value: object) -> str:
    if value is True:
        return name
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cornuejols(
    family: str, m: int, n: int, ratio: float, seed: int, limit_s: float, gap: float = 1e-4
) -> Case:
    return _drawn(family, "cornuejols", limit_s, gap, m=m, n=n, ratio=ratio, seed=seed)


_SMALL_S = 8.0

SMALL = Suite(
    "small",
    "Small instances of every family, drawn or bundled: under three minutes with one peer.",
    (
        Case("two_zones", "siting", "named:two_zones", {}, _SMALL_S, 1e-4),
        Case("dry_port", "siting", "named:dry_port", {}, _SMALL_S, 1e-4),
        _drawn("cflp", "cornuejols", _SMALL_S, 1e-4, m=20, n=40, ratio=3.0, seed=1),
        _drawn("cflp", "cornuejols", _SMALL_S, 1e-4, m=80, n=80, ratio=5.0, seed=2),
        _drawn(
            "sscflp", "cornuejols", _SMALL_S, 1e-4, m=15, n=30, ratio=3.0, seed=3,
            single_source=True,
        ),
        _drawn("uflp", "euclidean", _SMALL_S, 1e-4, m=80, n=80, level=10.0, seed=4),
        _drawn("uflp", "koerkel_ghosh", _SMALL_S, 1e-4, n=60, kind="a", symmetric=True, seed=5),
        _drawn("mcnd", "design", _SMALL_S, 1e-4, n_nodes=10, n_arcs=40, n_commodities=8, seed=6),
        _drawn("mcnd", "design", _SMALL_S, 1e-4, n_nodes=20, n_arcs=120, n_commodities=40, seed=7),
    ),
)  # fmt: skip

_BIG_CAPACITIES = {
    "capa": (8000.0, 10000.0, 12000.0, 14000.0),
    "capb": (5000.0, 6000.0, 7000.0, 8000.0),
    "capc": (5000.0, 5750.0, 6500.0, 7250.0),
}
_ORLIB = {"format": "orlib"}

ORLIB = Suite(
    "orlib",
    "OR-Library facility location with capacities, split delivery (Beasley 1988).",
    (
        Files(
            "orlib-small", "cflp_orlib/cap[0-9]*.txt", _ORLIB, limit_s=60, gap=1e-6,
            known=("cflp_orlib",),
        ),
        *(
            Files(
                "orlib-large", f"cflp_orlib/{name}.txt", _ORLIB, capacities, limit_s=120, gap=1e-6,
                known=("cflp_orlib",),
            )
            for name, capacities in _BIG_CAPACITIES.items()
        ),
    ),
)  # fmt: skip

_TBED1 = {"format": "tbed1", "single_source": False}

TBED1 = Suite(
    "tbed1",
    "Test bed 1 of Avella and Boccia, split delivery: files, and fresh draws of its recipe.",
    (
        Files("tbed1-300", "cflp_tbed1/i300_*", _TBED1, limit_s=60, known=("cflp_tbed1",)),
        Files("tbed1-500", "cflp_tbed1/i500_*", _TBED1, limit_s=120, known=("cflp_tbed1",)),
        *(_cornuejols("tbed1-300", 300, 300, r, 100 + k, 60) for k, r in enumerate((5.0, 10.0))),
        *(_cornuejols("tbed1-500", 500, 500, r, 200 + k, 120) for k, r in enumerate((5.0, 10.0))),
        _cornuejols("tbed1-1000", 1000, 1000, 5.0, 300, 120),
        _cornuejols("tbed1-2000", 2000, 2000, 5.0, 400, 300),
    ),
)

GOERTZ_KLOSE = Suite(
    "goertz_klose",
    "Facility location with capacities by the generator of Klose: 100 x 100 and 200 x 200.",
    (Files("goertz-klose", "cflp_goertz_klose/T*.cfl", {"format": "klose"}, limit_s=60),),
)

_KG = {"format": "ufllib"}

UFLP = Suite(
    "uflp",
    "Facility location without capacities: M, Koerkel-Ghosh, Euclidean, OR-Library.",
    (
        Files(
            "orlib-uncapacitated", "cflp_orlib/cap[71][0-9]*.txt",
            _ORLIB | {"uncapacitated": True}, limit_s=30, gap=1e-6, known=("uflp_orlib",),
            skip=tuple(f"cap{k}.txt" for k in (111, 112, 113, 114, 121, 122, 123, 124)),
        ),
        Files(
            "orlib-uncapacitated", "cflp_orlib/cap[abc].txt", _ORLIB | {"uncapacitated": True},
            limit_s=30, gap=1e-6, known=("uflp_orlib",),
        ),
        Files(
            "uflp-m", "uflp_M/Kcapm*.txt", {"format": "ufllib-m"}, limit_s=30, gap=1e-6,
            known=("uflp_M",),
        ),
        Files("uflp-kg250", "uflp_KG/g?250*", _KG, limit_s=30, known=("uflp_KG",)),
        Files("uflp-kg500", "uflp_KG/g?500*", _KG, limit_s=60, known=("uflp_KG",)),
        Files("uflp-kg750", "uflp_KG/g?750*", _KG, limit_s=60, known=("uflp_KG",)),
        _drawn("uflp-euclidean", "euclidean", 30, 1e-3, m=300, n=300, level=10.0, seed=1),
        _drawn("uflp-euclidean", "euclidean", 60, 1e-3, m=1000, n=1000, level=100.0, seed=2),
        _drawn("uflp-euclidean", "euclidean", 120, 1e-3, m=5000, n=5000, level=100.0, seed=3),
    ),
)  # fmt: skip

_SINGLE = {"single_source": True}

SSCFLP = Suite(
    "sscflp",
    "Facility location with capacities, one facility per customer.",
    (
        Files(
            "holmberg", "cflp_holmberg/p*", _SINGLE | {"format": "holmberg"}, limit_s=60, gap=1e-6,
            known=("sscflp_holmberg",), skip=("problems.txt", "problems2.txt"),
        ),
        Files(
            "diaz-fernandez", "sscflp_diaz_fernandez/p*", _SINGLE | {"format": "diaz"},
            limit_s=60, gap=1e-6, known=("sscflp_diaz_fernandez",),
        ),
        Files(
            "yang", "cflp_yang/p*", _SINGLE | {"format": "holmberg"}, limit_s=120,
            known=("sscflp_yang",),
        ),
        Files(
            "tbed1-single", "cflp_tbed1/i[35]00_*", _SINGLE | {"format": "tbed1"}, limit_s=120,
            known=("sscflp_tbed1",),
        ),
    ),
)  # fmt: skip

_DOW = {"format": "dow"}

MCND = Suite(
    "mcnd",
    "Multicommodity fixed-charge network design, the Canad instances.",
    (
        Files("canad-c", "mcnd_canad/c[0-9][0-9].dow", _DOW, limit_s=300, known=("mcnd_canad_C",)),
        Files(
            "canad-c+", "mcnd_canad/c*_*.dow", _DOW, limit_s=300, known=("mcnd_canad_Cplus",)
        ),
        Files("canad-r", "mcnd_canad/r*.dow", _DOW, limit_s=300, known=("mcnd_canad_R",)),
    ),
)  # fmt: skip

SHANXI = Suite(
    "shanxi",
    "The bundled shanxi: the mission itself.",
    (Case("shanxi", "shanxi", "named:shanxi", {}, 60, 1e-4),),
)

TRANSFER = Suite(
    "transfer",
    "The planner's problem at size S, M and L.",
    (
        *(
            Case(f"transfer-S-{seed}", "transfer-s", f"named:transfer:S:seed={seed}", {}, 60, 1e-3)
            for seed in (1, 2)
        ),
        *(
            Case(f"transfer-M-{seed}", "transfer-m", f"named:transfer:M:seed={seed}", {}, 120, 1e-3)
            for seed in (1, 2)
        ),
        Case("transfer-L-1", "transfer-l", "named:transfer:L:seed=1", {}, 600, 1e-3),
    ),
)

SUITES = {
    suite.name: suite
    for suite in (SMALL, ORLIB, TBED1, GOERTZ_KLOSE, UFLP, SSCFLP, MCND, SHANXI, TRANSFER)
}
