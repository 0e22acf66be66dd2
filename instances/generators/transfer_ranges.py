"""The ranges from which `transfer` is drawn, round the values of the bundled `shanxi`.

Pairs are the ends of a uniform draw; ``_SHARE`` is the probability of something. Behind each
stands what `shanxi` has.
"""

from __future__ import annotations

# places
JITTER_DEG = (-0.2, 0.2)  # of a zone or an origin round its city
DETOUR_ROAD = 1.35  # road km over great-circle km; shanxi: 1.35
DETOUR_RAIL = 1.25  # shanxi: 1.2 to 1.35 on its main lines
SHORT_ROAD_KM = 300  # beyond, road money is 0.85 of the tariff, as in shanxi
LONG_ROAD_FACTOR = 0.85
LONGEST_ACCESS_KM = 2000  # great circle, of a road to a port or dry port that is not the nearest

# zones
ZONE_KINDS = {  # weights; shanxi: 63 development zones of 90, 12 chemical parks, 6 high-tech
    "development_zone": 0.62, "hightech_zone": 0.10, "chemical_park": 0.12,
    "processing_trade_park": 0.06, "professional_town": 0.05, "comprehensive_bonded_zone": 0.05,
}  # fmt: skip
EXISTING_SHARE = 0.03  # shanxi: 3 of 90
FORBIDDEN_SHARE = 0.01
REQUIRED_SHARE = 0.005
OPEN_MCNY = (25, 80)  # shanxi: 25 to 60
OPEN_YEARLY_SHARE = 0.03  # of the capital, as shanxi
INDUSTRIES_PER_ZONE = (1, 6)  # shanxi: 1 to 10, 3.2 on average
GENERAL_ONLY_SHARE = 0.08
CHEMICALS_OUTSIDE_SHARE = 0.08  # zones that could technically host them; the rule says no

# floor and modules
VACANT_FLOOR_M2 = (0, 30_000)  # shanxi: 0 to 67,722, median 12,508
VACANT_RENT_CNY_PER_M2 = (84, 216)  # shanxi: 96 to 216
MODULE_M2 = (10_000, 20_000, 30_000)  # shanxi: 20,000
MODULE_COUNT = (2, 20)  # shanxi: 1 to 42
MODULE_CNY_PER_M2 = (3000, 4300)  # shanxi: 3,000 to 4,250
MODULE_UPKEEP_SHARE = 0.015
MODULE_LIFE_YEARS = 30
LAND_MODULE_HA = 10
LAND_MODULE_COUNT = (1, 12)  # shanxi: 2 to 233
LAND_MODULE_MCNY = (22, 42)  # shanxi: 22 to 42
LAND_HA = (0.5, 40)  # shanxi: 0.45 to 412
BONDED_FLOOR_M2 = (60_000, 200_000)  # of a bonded zone that a project brings; shanxi: 200,000

# factor pools of a city, per zone in it; the low end binds before floor does
BUILDING_M2 = (30_000, 110_000)  # shanxi: 10,000 to 80,000
LABOUR_PERSONS = (500, 4_000)
SKILLED_PERSONS = (40, 400)
SKILLED_INCREMENT_PERSONS = (30, 300)
SKILLED_CNY_PER_PERSON = (4_000, 8_000)  # shanxi: 6,000
ELECTRICITY_MWH = (15_000, 120_000)
SEWAGE_M3 = (200_000, 1_500_000)
LAND_SUPPLY_HA = (10, 60)
ENERGY_TCE = (2_500, 7_000)  # one pool for each province; shanxi: 2,800 a zone

# prices of a city
WAGE_CNY = (46_000, 56_000)  # plus WAGE_STEP_CNY for each class of size above the first
WAGE_STEP_CNY = 3_500  # shanxi: 52,000 to 68,000
WAGE_ON_COST_SHARE = 0.32
ELECTRICITY_CNY = (0.45, 0.66)  # shanxi 0.56, rivals 0.55 to 0.67
WATER_CNY = (3.2, 5.6)
RELOCATION_SUBSIDY = (0.03, 0.12)  # shanxi 0.05 to 0.10
PRODUCTIVITY = (0.95, 1.03)  # shanxi 1

# industries beyond those of shanxi
COPY_FACTOR = (0.8, 1.25)  # of value, use of factors, relocation capital
COPY_INPUT_FACTOR = (0.85, 1.1)
COPY_MARKET_FACTOR = (0.7, 1.3)
CHAIN_HOURS = (2.0, 3.5)  # shanxi: 2.5 and 3
CURVE_FACTOR = (0.7, 1.3)

# origins and blocks
FOREIGN_SHARE = 0.25  # of the origins beyond those of shanxi
VOLUME_PER_ZONE_MCNY = (1_600, 2_400)  # shanxi: 2,039 a zone
BLOCK_FACTOR = (0.5, 1.5)  # of the template block
LARGEST_BLOCK_SHARE = 0.05  # of all volume: one block must not be the whole problem
OWN_INDUSTRY_SHARE = 0.65  # industries of the template origin that a new origin has
WAGE_FACTOR = (0.94, 1.06)
RENT_FACTOR = (0.8, 1.2)
STAY_PREMIUM = (-0.003, 0.014)  # added to that of the template
WHOLE_SHARE = 0.04  # besides, blocks that shanxi moves whole
LARGEST_WHOLE_MCNY = 800
SMALLEST_BLOCK_MCNY = 5
CLUSTER_ZONE_SHARE = 0.05  # zones with firms of the cluster, where moving is cheaper
CLUSTER_GAIN_CNY = (2_000, 7_000)  # per million CNY; shanxi: 5,420 to 6,913

# rivals
RIVAL_LIMIT_FACTOR = (0.3, 0.8)  # of shanxi's, times zones / 90
RIVAL_SHARE_OF_BLOCK = (0.1, 0.25)  # shanxi: 0.2
RIVAL_MARGIN_FACTOR = (0.6, 1.0)
RIVAL_SPECIAL_SHARE = 0.25  # rivals that take some industries only
RIVAL_CAPACITY_MCNY = (1_500, 8_000)  # of those, times zones / 90

# shared capacities
TIGHT_SHARE = 0.4  # of new terminals, customs yards and lines
TERMINAL_TEU = (15_000, 60_000)  # shanxi: 25,000 to 300,000
TIGHT_TERMINAL_TEU = (500, 3_000)
CUSTOMS_TEU = (3_000, 20_000)  # shanxi: 3,000 to 84,000
TIGHT_CUSTOMS_TEU = (200, 1_500)
LINE_TEU = (50_000, 400_000)  # shanxi: 197,100 to 1,314,000
TIGHT_LINE_TEU = (1_000, 6_000)
BACKBONE_TIGHT_SHARE = 0.3  # of the capacities taken over from shanxi
BACKBONE_TIGHT_FACTOR = {  # of shanxi's capacity, times zones / 90
    "port": (0.001, 0.006), "terminal": (0.01, 0.06), "customs_post": (0.02, 0.2),
    "crossing": (0.02, 0.2), "line": (0.005, 0.03), "other": (0.02, 0.2),
}  # fmt: skip

# services and projects
TRAIN_SHARE = 0.6  # dry ports with trains
TRAIN_OF_PROJECT_SHARE = 0.4
DEPARTURES_PER_WEEK = (0.25, 0.5, 1, 2)
TRAIN_TEU = 110  # boxes of a train, as shanxi
LEAST_LOAD_SHARE = (0.1, 0.3)  # shanxi: 0.373 of the capacity
TRAIN_MCNY_PER_DEPARTURE = (1.0, 3.0)  # a year, per departure a week; shanxi: 3
BONDED_PROJECT_MCNY = (150, 900)  # shanxi: 500 to 900
TERMINAL_PROJECT_MCNY = (30, 600)  # shanxi: 150 to 600
TRAIN_PROJECT_MCNY = (20, 25)
BUILDING_PROJECT_MCNY = (20, 120)  # shanxi: 60 to 120
BUILDING_PROJECT_M2 = (15_000, 45_000)  # per zone of the province

# rules
BUDGET_PER_ZONE_MCNY = (110, 190)  # shanxi: 133
MOST_ZONES_SHARE = (0.15, 0.4)  # shanxi: 25 of 90
RULE_ACTIVE_SHARE = 0.5  # of the rules that shanxi ships switched off
