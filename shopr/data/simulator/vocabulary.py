"""What the simulated shop can sell: kinds of product, their departments, prices, seasons, materials and companions."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = [
    "BRANDS",
    "COLOURS",
    "DEPARTMENTS",
    "KINDS",
    "LANGUAGES",
    "PATTERNS",
    "SEASONS",
    "SERIES",
    "STYLES",
    "Brand",
    "Kind",
    "rgb",
    "words",
]

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "tr", "hi", "ar", "zh", "ja")
STYLES = ("classic", "minimal", "romantic", "sporty", "vintage", "boho", "playful", "technical")
SEASONS = ("", "spring", "summer", "winter", "gifts")
PATTERNS = ("plain", "striped", "dotted", "checked", "floral", "zigzag")
SERIES = tuple(
    "Willow Harbour Juniper Meadow Orchard Ember Tide Clover Aurora Pebble Saffron Linden Comet Bramble Fjord Hazel "
    "Poppy Sierra Lark Maple Indigo Thistle Dune Cedar Opal Robin Quartz Fern Nimbus Sorrel Heron Marlow Tansy "
    "Birch Coral Wren Atlas Myrtle Delta Rowan".split()
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product, a leaf of the category tree.

    Attributes:
        key: name in the word tables and of the silhouette.
        department, group: the two upper levels of the category.
        low, high: usual price range in pounds, from the cheapest tier to the dearest.
        season: when it is wanted most; "" if all year.
        lasts: days until it is used up and bought again; 0 for goods that last.
        colours: palette of COLOURS keys, or a group of PALETTES.
        materials: what it is made of; patterned: whether it comes in patterns.
        sizes: sizes on offer, or ().
        companions: kinds that are bought along or soon after.
    """

    key: str
    department: str
    group: str
    low: float
    high: float
    season: str
    lasts: int
    colours: tuple[str, ...]
    materials: tuple[str, ...]
    patterned: bool
    sizes: tuple[str, ...]
    companions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Brand:
    """A maker: price tier 0 (cheap) to 3 (luxury), the departments it serves, and the style it is known for."""

    name: str
    tier: int
    departments: tuple[str, ...]
    style: str


@cache
def words(table: str) -> dict[str, dict[str, str]]:
    """A word table of the folder `words`: key -> column (a language) -> word."""
    text = files(__package__).joinpath("words", f"{table}.csv").read_text(encoding="utf-8")
    return {row["key"]: row for row in csv.DictReader(text.splitlines())}


def rgb(colour: str) -> tuple[int, int, int]:
    """The colour in which a product picture is drawn."""
    value = words("colours")[colour]["rgb"]
    return int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16)


COLOURS = tuple(words("colours"))
_PALETTES = {
    "all": COLOURS,
    "wear": (
        "black",
        "white",
        "grey",
        "red",
        "yellow",
        "green",
        "turquoise",
        "blue",
        "navy",
        "purple",
        "pink",
        "beige",
    ),
    "hide": ("black", "brown", "beige", "navy", "red", "grey", "green"),
    "home": (
        "white",
        "grey",
        "red",
        "orange",
        "yellow",
        "green",
        "turquoise",
        "blue",
        "navy",
        "pink",
        "beige",
        "brown",
    ),
    "tech": ("black", "white", "grey", "blue", "red", "pink", "turquoise"),
    "vivid": ("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink"),
    "clay": ("white", "orange", "brown", "green", "turquoise", "blue", "beige", "grey", "yellow"),
}
_SIZES = {"wear": ("XS", "S", "M", "L", "XL"), "feet": tuple(str(n) for n in range(36, 46))}

# key|department|group|price low-high|season|days it lasts|palette|materials|patterns|sizes|companions
_TABLE = """
dress|Women|Clothing|22-160|summer|0|wear|cotton linen silk|y|wear|sandals handbag
blouse|Women|Clothing|16-90|spring|0|wear|cotton silk linen|y|wear|skirt trousers
skirt|Women|Clothing|18-95|summer|0|wear|cotton denim linen|y|wear|blouse sandals
cardigan|Women|Knitwear|24-130|winter|0|wear|wool cotton|y|wear|scarf skirt
tshirt|Men|Clothing|8-45|summer|0|wear|cotton linen|y|wear|trousers trainers
shirt|Men|Clothing|18-95|spring|0|wear|cotton linen|y|wear|trousers watch
trousers|Men|Clothing|24-120|spring|0|hide|cotton denim linen|y|wear|shirt boots
jumper|Men|Knitwear|24-140|winter|0|wear|wool cotton|y|wear|scarf trousers
trainers|Shoes|Casual shoes|28-150||0|wear|canvas leather polyester|n|feet|backpack bottle
boots|Shoes|Boots|45-220|winter|0|hide|leather rubber|n|feet|scarf trousers
sandals|Shoes|Casual shoes|18-95|summer|0|hide|leather canvas|n|feet|hat dress
handbag|Accessories|Bags|25-260||0|hide|leather canvas|y||scarf lipstick
backpack|Accessories|Bags|22-130||0|vivid|canvas polyester leather|y||bottle notebook
scarf|Accessories|Seasonal|10-75|winter|0|wear|wool silk cotton|y||hat cardigan
hat|Accessories|Seasonal|12-70|summer|0|wear|cotton wool linen|n||scarf sandals
watch|Accessories|Watches|35-320|gifts|0|hide|leather steel|n||shirt handbag
umbrella|Accessories|Seasonal|9-50||0|all|polyester|y||boots hat
teddy|Toys|Soft toys|9-48|gifts|0|home|plush|n||blocks giftbag
blocks|Toys|Building|10-60|gifts|0|vivid|wood plastic|n||toycar puzzle
puzzle|Toys|Games|7-36|gifts|0|vivid|cardboard wood|n||blocks card
toycar|Toys|Vehicles|4-40|gifts|0|vivid|wood plastic steel|n||blocks teddy
cushion|Home|Textiles|9-58||0|home|cotton linen wool|y||blanket lamp
lamp|Home|Lighting|18-150|winter|0|home|ceramic glass wood|y||cushion clock
vase|Home|Decoration|9-80|spring|0|clay|ceramic glass|y||candle plate
candle|Home|Decoration|4-32|winter|45|home|wax|n||vase lantern
clock|Home|Decoration|14-95||0|home|wood steel plastic|n||lamp vase
blanket|Home|Textiles|16-110|winter|0|home|wool cotton|y||cushion tea
mug|Kitchen|Tableware|4-26||0|home|ceramic glass|y||tea coffee
plate|Kitchen|Tableware|4-34||0|home|ceramic|y||mug pan
teapot|Kitchen|Tableware|14-75||0|clay|ceramic glass steel|y||mug tea
pan|Kitchen|Cookware|16-120||0|tech|steel aluminium|n||plate teapot
bottle|Kitchen|Drinks|8-42|summer|0|vivid|steel glass plastic|y||backpack yogamat
pot|Garden|Planting|4-48|spring|0|clay|ceramic plastic|y||seeds wateringcan
wateringcan|Garden|Planting|9-52|spring|0|vivid|steel plastic|y||pot seeds
chair|Garden|Furniture|24-180|summer|0|home|wood aluminium plastic|y||lantern cushion
lantern|Garden|Lighting|8-60|summer|0|clay|steel glass paper|n||candle chair
seeds|Garden|Planting|2-8|spring|40|vivid|paper|n||pot wateringcan
headphones|Electronics|Audio|18-260|gifts|0|tech|plastic aluminium|n||tablet charger
speaker|Electronics|Audio|20-240|gifts|0|tech|plastic aluminium|n||headphones charger
keyboard|Electronics|Computing|18-150||0|tech|plastic aluminium|n||tablet headphones
camera|Electronics|Photography|90-680|gifts|0|tech|aluminium plastic|n||charger backpack
tablet|Electronics|Computing|95-640|gifts|0|tech|aluminium plastic|n||keyboard charger
charger|Electronics|Computing|5-28||0|tech|plastic|n||headphones speaker
soap|Beauty|Bath|2-14||30|home|natural|n||handcream shampoo
perfume|Beauty|Fragrance|18-140|gifts|150|vivid|natural|n||lipstick handcream
handcream|Beauty|Skincare|4-26|winter|40|home|natural|n||soap lipstick
shampoo|Beauty|Bath|4-24||35|home|natural|n||soap handcream
lipstick|Beauty|Make-up|6-38||90|vivid|natural|n||perfume handbag
yogamat|Sports|Fitness|14-85||0|vivid|rubber natural|y||bottle trainers
tent|Sports|Outdoors|60-420|summer|0|vivid|polyester canvas|y||backpack lantern
football|Sports|Team sports|9-60|summer|0|all|leather rubber|n||tshirt trainers
helmet|Sports|Cycling|22-130|spring|0|all|plastic|y||bottle backpack
notebook|Gifts|Stationery|4-28||60|all|paper leather|y||pen card
card|Gifts|Wrapping|2-7|gifts|30|all|paper|y||giftbag chocolate
pen|Gifts|Stationery|8-120|gifts|0|hide|steel plastic wood|n||notebook card
giftbag|Gifts|Wrapping|2-9|gifts|30|all|paper|y||card chocolate
tea|Food|Hot drinks|3-18|winter|30|vivid|organic|n||mug honey
coffee|Food|Hot drinks|4-22||25|hide|organic|n||mug chocolate
chocolate|Food|Sweets|2-20|gifts|21|hide|organic|n||coffee card
honey|Food|Sweets|4-18||45|vivid|organic|n||tea plate
"""


def _kind(line: str) -> Kind:
    key, department, group, prices, season, lasts, palette, materials, patterned, sizes, companions = line.split("|")
    low, high = prices.split("-")
    return Kind(
        key,
        department,
        group,
        float(low),
        float(high),
        season,
        int(lasts),
        _PALETTES[palette],
        tuple(materials.split()),
        patterned == "y",
        _SIZES.get(sizes, ()),
        tuple(companions.split()),
    )


KINDS = tuple(_kind(line) for line in _TABLE.strip().splitlines())
DEPARTMENTS = tuple(dict.fromkeys(kind.department for kind in KINDS))

# name | tier | departments | style; invented names.
_BRANDS = """
Pennywick|0|Women Men Shoes Accessories Home|classic
Loopa|0|Toys Gifts Kitchen|playful
Basico|0|Women Men Kitchen Sports|minimal
Brightside|0|Home Garden Gifts Food|playful
Voltello|0|Electronics Sports|technical
Daisy Row|0|Women Accessories Beauty|romantic
Mosswood|0|Garden Home Food|boho
Kickstone|0|Shoes Sports Men|sporty
Tinker & Co|1|Toys Gifts|vintage
Alder Lane|1|Women Men Accessories|classic
Nordhus|1|Home Kitchen Garden|minimal
Kettle & Thyme|1|Kitchen Food|vintage
Fieldnote|1|Gifts Accessories|classic
Runaway|1|Sports Shoes Men|sporty
Petal Works|1|Beauty Garden Gifts|romantic
Sonora Labs|1|Electronics|technical
Wild Acre|1|Garden Sports Food|boho
Marigold|1|Women Accessories Home|boho
Little Otter|1|Toys Home|playful
Plain Goods|1|Home Kitchen Men Women|minimal
Ashdown|2|Men Women Shoes|classic
Casa Lumen|2|Home Garden|romantic
Hako|2|Kitchen Home Electronics|minimal
Orbitron|2|Electronics|technical
Velluto|2|Women Accessories Beauty|romantic
Summit Nine|2|Sports Shoes Accessories|sporty
Verbena & Salt|2|Beauty Food|boho
Quill House|2|Gifts Accessories|vintage
Woodlark|2|Toys Garden|vintage
Atelier Noor|3|Women Accessories Shoes|romantic
Maison Corvin|3|Home Kitchen Beauty|classic
Hallmoor|3|Men Accessories Shoes|vintage
Aether Audio|3|Electronics|technical
Grand Cru Sato|3|Food Beauty Kitchen|minimal
Alpinist|3|Sports Garden|sporty
Imperial Post|3|Gifts Toys|classic
"""


def _brand(line: str) -> Brand:
    name, tier, departments, style = line.split("|")
    return Brand(name, int(tier), tuple(departments.split()), style)


BRANDS = tuple(_brand(line) for line in _BRANDS.strip().splitlines())
