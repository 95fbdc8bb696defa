"""The papers that definitions and theorems come from: one frozen record each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A paper: short key as cited in docstrings, authors, year, title and identifier."""

    key: str
    authors: str
    year: int
    title: str
    identifier: str

    def __str__(self) -> str:
        """Return the reference as one line."""
        return f"{self.authors} ({self.year}). {self.title}. {self.identifier}"


ZHENG_2025 = Source(
    "Zheng 2025",
    "Zheng, Sang, Xu",
    2025,
    "Unifying Perplexing Behaviors in Modified BP Attributions through Alignment Perspective",
    "arXiv:2503.11160",
)
NIE_2018 = Source(
    "Nie 2018",
    "Nie, Zhang, Patel",
    2018,
    "A Theoretical Explanation for Perplexing Behaviors of Backpropagation-based Visualizations",
    "arXiv:1805.07039",
)
SIXT_2020 = Source(
    "Sixt 2020",
    "Sixt, Granz, Landgraf",
    2020,
    "When Explanations Lie: Why Many Modified BP Attributions Fail",
    "arXiv:1912.09818",
)
BACH_2015 = Source(
    "Bach 2015",
    "Bach, Binder, Montavon, Klauschen, Müller, Samek",
    2015,
    "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance "
    "Propagation",
    "doi:10.1371/journal.pone.0130140",
)
MONTAVON_2017 = Source(
    "Montavon 2017",
    "Montavon, Lapuschkin, Binder, Samek, Müller",
    2017,
    "Explaining NonLinear Classification Decisions with Deep Taylor Decomposition",
    "doi:10.1016/j.patcog.2016.11.008",
)
MONTAVON_2019 = Source(
    "Montavon 2019",
    "Montavon, Binder, Lapuschkin, Samek, Müller",
    2019,
    "Layer-Wise Relevance Propagation: An Overview",
    "doi:10.1007/978-3-030-28954-6_10",
)
ANDEOL_2021 = Source(
    "Andéol 2021",
    "Andéol, Kawakami, Wada, Kanamori, Müller, Montavon",
    2021,
    "Learning Domain Invariant Representations by Joint Wasserstein Distance Minimization",
    "arXiv:2106.04923",
)
SPRINGENBERG_2015 = Source(
    "Springenberg 2015",
    "Springenberg, Dosovitskiy, Brox, Riedmiller",
    2015,
    "Striving for Simplicity: The All Convolutional Net",
    "arXiv:1412.6806",
)
ZEILER_2014 = Source(
    "Zeiler 2014",
    "Zeiler, Fergus",
    2014,
    "Visualizing and Understanding Convolutional Networks",
    "arXiv:1311.2901",
)
KIM_2019 = Source(
    "Kim 2019",
    "Kim, Seo, Jeon, Koo, Choe, Jeon",
    2019,
    "Why are Saliency Maps Noisy? Cause of and Solution to Noisy Saliency Maps",
    "arXiv:1902.04893",
)
ZHANG_2018 = Source(
    "Zhang 2018",
    "Zhang, Bargal, Lin, Brandt, Shen, Sclaroff",
    2018,
    "Top-Down Neural Attention by Excitation Backprop",
    "arXiv:1608.00507",
)
SHRIKUMAR_2017 = Source(
    "Shrikumar 2017",
    "Shrikumar, Greenside, Kundaje",
    2017,
    "Learning Important Features Through Propagating Activation Differences",
    "arXiv:1704.02685",
)
SUNDARARAJAN_2017 = Source(
    "Sundararajan 2017",
    "Sundararajan, Taly, Yan",
    2017,
    "Axiomatic Attribution for Deep Networks",
    "arXiv:1703.01365",
)
SMILKOV_2017 = Source(
    "Smilkov 2017",
    "Smilkov, Thorat, Kim, Viégas, Wattenberg",
    2017,
    "SmoothGrad: Removing Noise by Adding Noise",
    "arXiv:1706.03825",
)
DOMBROWSKI_2019 = Source(
    "Dombrowski 2019",
    "Dombrowski, Alber, Anders, Ackermann, Müller, Kessel",
    2019,
    "Explanations Can Be Manipulated and Geometry Is to Blame",
    "arXiv:1906.07983",
)
ANCONA_2018 = Source(
    "Ancona 2018",
    "Ancona, Ceolini, Öztireli, Gross",
    2018,
    "Towards Better Understanding of Gradient-based Attribution Methods",
    "arXiv:1711.06104",
)
SIMONYAN_2014 = Source(
    "Simonyan 2014",
    "Simonyan, Vedaldi, Zisserman",
    2014,
    "Deep Inside Convolutional Networks",
    "arXiv:1312.6034",
)
ADEBAYO_2018 = Source(
    "Adebayo 2018",
    "Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim",
    2018,
    "Sanity Checks for Saliency Maps",
    "arXiv:1810.03292",
)
KANTOROVICH_1948 = Source(
    "Kantorovich 1948",
    "Kantorovich",
    1948,
    "Functional Analysis and Applied Mathematics",
    "Uspekhi Matematicheskikh Nauk 3(6), 89-185",
)
POLYA_1925 = Source(
    "Pólya 1925",
    "Pólya, Szegő",
    1925,
    "Aufgaben und Lehrsätze aus der Analysis I",
    "Springer",
)
BIRKHOFF_1957 = Source(
    "Birkhoff 1957",
    "Birkhoff",
    1957,
    "Extensions of Jentzsch's Theorem",
    "doi:10.2307/1992971",
)
CHO_2009 = Source(
    "Cho 2009",
    "Cho, Saul",
    2009,
    "Kernel Methods for Deep Learning",
    "Advances in Neural Information Processing Systems 22",
)
SAXE_2014 = Source(
    "Saxe 2014",
    "Saxe, McClelland, Ganguli",
    2014,
    "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks",
    "arXiv:1312.6120",
)
