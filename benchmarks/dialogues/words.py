"""How shoppers call the categories, colours and numbers of the generated dialogues, by language."""

from __future__ import annotations

__all__ = ["CATEGORIES", "COLOURS", "NUMBERS", "TYPED"]

CATEGORIES: dict[str, dict[str, tuple[str, ...]]] = {
    # category -> language -> words; English: (singular with article, plural)
    "headphones": {"en": ("a headset", "headphones"), "de": ("Kopfhörer",), "fr": ("un casque audio",), "es": ("unos auriculares",), "tr": ("kulaklık",), "zh": ("耳机",), "ar": ("سماعات رأس",)},
    "laptop": {"en": ("a laptop", "laptops"), "de": ("einen Laptop",), "fr": ("un ordinateur portable",), "es": ("un portátil",), "tr": ("dizüstü bilgisayar",), "zh": ("笔记本电脑",), "ar": ("حاسوب محمول",)},
    "laptop_bag": {"en": ("a laptop bag", "laptop bags"), "de": ("eine Laptoptasche",), "fr": ("une sacoche pour ordinateur portable",), "es": ("una mochila para portátil",), "tr": ("laptop çantası",), "zh": ("电脑包",), "ar": ("حقيبة لابتوب",)},
    "mouse": {"en": ("a mouse", "mice"), "de": ("eine Maus",), "fr": ("une souris",), "es": ("un ratón",), "tr": ("fare",), "zh": ("鼠标",), "ar": ("فأرة",)},
    "keyboard": {"en": ("a keyboard", "keyboards"), "de": ("eine Tastatur",), "fr": ("un clavier",), "es": ("un teclado",), "tr": ("klavye",), "zh": ("键盘",), "ar": ("لوحة مفاتيح",)},
    "monitor": {"en": ("a monitor", "monitors"), "de": ("einen Monitor",), "fr": ("un écran d'ordinateur",), "es": ("un monitor",), "tr": ("monitör",), "zh": ("显示器",), "ar": ("شاشة حاسوب",)},
    "printer": {"en": ("a printer", "printers"), "de": ("einen Drucker",), "fr": ("une imprimante",), "es": ("una impresora",), "tr": ("yazıcı",), "zh": ("打印机",), "ar": ("طابعة",)},
    "toner": {"en": ("a toner cartridge", "toner cartridges"), "de": ("einen Toner",), "fr": ("un toner",), "es": ("un tóner",), "tr": ("toner",), "zh": ("硒鼓",), "ar": ("حبر تونر",)},
    "ink": {"en": ("an ink cartridge", "ink cartridges"), "de": ("eine Tintenpatrone",), "fr": ("une cartouche d'encre",), "es": ("un cartucho de tinta",), "tr": ("mürekkep kartuşu",), "zh": ("墨盒",), "ar": ("خرطوشة حبر",)},
    "usb_stick": {"en": ("a usb stick", "usb flash drives"), "de": ("einen USB-Stick",), "fr": ("une clé USB",), "es": ("una memoria USB",), "tr": ("usb bellek",), "zh": ("U盘",), "ar": ("ذاكرة يو إس بي",)},
    "memory_card": {"en": ("a memory card", "memory cards"), "de": ("eine Speicherkarte",), "fr": ("une carte mémoire",), "es": ("una tarjeta de memoria",), "tr": ("hafıza kartı",), "zh": ("存储卡",), "ar": ("بطاقة ذاكرة",)},
    "hdmi_cable": {"en": ("an HDMI cable", "HDMI cables"), "de": ("ein HDMI-Kabel",), "fr": ("un câble HDMI",), "es": ("un cable HDMI",), "tr": ("HDMI kablosu",), "zh": ("HDMI线",), "ar": ("كابل HDMI",)},
    "network_cable": {"en": ("a network cable", "patch cables"), "de": ("ein Netzwerkkabel",), "fr": ("un câble réseau",), "es": ("un cable de red",), "tr": ("ağ kablosu",), "zh": ("网线",), "ar": ("كابل شبكة",)},
    "camera": {"en": ("a digital camera", "digital cameras"), "de": ("eine Digitalkamera",), "fr": ("un appareil photo",), "es": ("una cámara digital",), "tr": ("dijital kamera",), "zh": ("数码相机",), "ar": ("كاميرا رقمية",)},
    "speaker": {"en": ("a speaker", "speakers"), "de": ("einen Lautsprecher",), "fr": ("une enceinte",), "es": ("un altavoz",), "tr": ("hoparlör",), "zh": ("音箱",), "ar": ("مكبر صوت",)},
    "hard_drive": {"en": ("an external hard drive", "hard drives"), "de": ("eine externe Festplatte",), "fr": ("un disque dur externe",), "es": ("un disco duro externo",), "tr": ("harici disk",), "zh": ("移动硬盘",), "ar": ("قرص صلب خارجي",)},
    "router": {"en": ("a wifi router", "routers"), "de": ("einen Router",), "fr": ("un routeur",), "es": ("un router",), "tr": ("yönlendirici",), "zh": ("路由器",), "ar": ("راوتر",)},
    "projector": {"en": ("a projector", "projectors"), "de": ("einen Beamer",), "fr": ("un vidéoprojecteur",), "es": ("un proyector",), "tr": ("projektör",), "zh": ("投影仪",), "ar": ("جهاز عرض",)},
    "tv": {"en": ("a tv", "televisions"), "de": ("einen Fernseher",), "fr": ("un téléviseur",), "es": ("un televisor",), "tr": ("televizyon",), "zh": ("电视",), "ar": ("تلفاز",)},
    "battery": {"en": ("a battery", "batteries"), "de": ("Batterien",), "fr": ("des piles",), "es": ("pilas",), "tr": ("pil",), "zh": ("电池",), "ar": ("بطارية",)},
    "webcam": {"en": ("a webcam", "webcams"), "de": ("eine Webcam",), "fr": ("une webcam",), "es": ("una webcam",), "tr": ("web kamerası",), "zh": ("网络摄像头",), "ar": ("كاميرا ويب",)},
    "smartwatch": {"en": ("a smartwatch", "smartwatches"), "de": ("eine Smartwatch",), "fr": ("une montre connectée",), "es": ("un reloj inteligente",), "tr": ("akıllı saat",), "zh": ("智能手表",), "ar": ("ساعة ذكية",)},
    "calculator": {"en": ("a calculator", "calculators"), "de": ("einen Taschenrechner",), "fr": ("une calculatrice",), "es": ("una calculadora",), "tr": ("hesap makinesi",), "zh": ("计算器",), "ar": ("آلة حاسبة",)},
    "shaver": {"en": ("an electric shaver", "shavers"), "de": ("einen Rasierer",), "fr": ("un rasoir électrique",), "es": ("una afeitadora",), "tr": ("tıraş makinesi",), "zh": ("剃须刀",), "ar": ("ماكينة حلاقة",)},
    "coffee": {"en": ("a coffee maker", "coffee machines"), "de": ("eine Kaffeemaschine",), "fr": ("une machine à café",), "es": ("una cafetera",), "tr": ("kahve makinesi",), "zh": ("咖啡机",), "ar": ("ماكينة قهوة",)},
    "ups": {"en": ("a UPS", "UPS systems"), "de": ("eine USV",), "fr": ("un onduleur",), "es": ("un SAI",), "tr": ("kesintisiz güç kaynağı",), "zh": ("不间断电源",), "ar": ("مزود طاقة غير منقطع",)},
    "usb_hub": {"en": ("a usb hub", "usb hubs"), "de": ("einen USB-Hub",), "fr": ("un hub USB",), "es": ("un hub USB",), "tr": ("usb hub",), "zh": ("USB集线器",), "ar": ("موزع USB",)},
    "ssd": {"en": ("a solid state drive", "SSDs"), "de": ("eine SSD",), "fr": ("un SSD",), "es": ("un SSD",), "tr": ("SSD",), "zh": ("固态硬盘",), "ar": ("قرص SSD",)},
    "tablet": {"en": ("a tablet", "tablets"), "de": ("ein Tablet",), "fr": ("une tablette",), "es": ("una tableta",), "tr": ("tablet",), "zh": ("平板电脑",), "ar": ("جهاز لوحي",)},
}  # fmt: skip

COLOURS: dict[str, dict[str, str]] = {
    "black": {"en": "black", "de": "schwarz", "fr": "noir", "es": "negro", "tr": "siyah", "zh": "黑色", "ar": "أسود"},
    "white": {"en": "white", "de": "weiß", "fr": "blanc", "es": "blanco", "tr": "beyaz", "zh": "白色", "ar": "أبيض"},
    "silver": {"en": "silver", "de": "silber", "fr": "argenté", "es": "plateado", "tr": "gümüş", "zh": "银色", "ar": "فضي"},
    "grey": {"en": "grey", "de": "grau", "fr": "gris", "es": "gris", "tr": "gri", "zh": "灰色", "ar": "رمادي"},
    "blue": {"en": "blue", "de": "blau", "fr": "bleu", "es": "azul", "tr": "mavi", "zh": "蓝色", "ar": "أزرق"},
    "red": {"en": "red", "de": "rot", "fr": "rouge", "es": "rojo", "tr": "kırmızı", "zh": "红色", "ar": "أحمر"},
}
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
TYPED = {
    "headphones": "hedphones",
    "keyboard": "keybord",
    "printer": "pritner",
    "monitor": "moniter",
    "router": "ruoter",
    "projector": "projecter",
    "webcam": "webcamm",
    "calculator": "calculater",
    "speaker": "speeker",
    "mouse": "mosue",
    "laptop": "lapotp",
    "battery": "battrey",
    "toner": "tonner",
}
"""Typing errors of category words."""
