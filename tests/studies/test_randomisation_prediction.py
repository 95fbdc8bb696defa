"""Sanity checks by randomisation: what is predicted, against independent networks."""

import numpy as np
import pytest
from scipy import stats
from studies.randomised import IMAGES, NETWORK, SETTINGS, row

from alignment_theory import Deconvnet, Gradient, GuidedBackprop, ZPlus
from alignment_theory.models import Redraw, random_mlp
from alignment_theory.similarity import COSINE, SPEARMAN
from alignment_theory.studies import randomisation


def deviations(rule, order="cascading", step=2, said=2, networks=40):
    """Return similarity minus prediction for independent networks, one mean each."""
    found = []
    for k in range(networks):
        rng = np.random.default_rng(k)
        network = random_mlp((80, 80, 80, 80, 5), rng=rng)
        table = randomisation.run(
            network,
            rng.uniform(size=(2, 80)),
            rule=rule,
            seed=1000 + k,
            target=1,
            orders=(order,),
            redraws=2,
            presets=(COSINE,),
        )
        found.append(table["similarity"][step] - table["predicted"][said])
    return np.array(found)


@pytest.mark.parametrize(
    ("rule", "order", "step"),
    [
        (GuidedBackprop(), "cascading", 2),
        (GuidedBackprop(), "independent", 1),
        (Gradient(), "independent", 2),
    ],
    ids=str,
)
def test_predictions_agree_with_random_networks(rule, order, step):
    """Networks are independent, so a t-test at 1e-6 of their mean deviation is."""
    assert stats.ttest_1samp(deviations(rule, order, step, step), 0).pvalue > 1e-6


def test_the_prediction_of_another_layer_is_refuted():
    assert stats.ttest_1samp(deviations(GuidedBackprop(), said=1), 0).pvalue < 1e-6


@pytest.mark.parametrize(
    "change",
    [
        {"rule": Deconvnet()},
        {"target": None},
        {"how": Redraw("orthogonal")},
        {"network": random_mlp((36, 9, 5), rng=np.random.default_rng(0), bias=True)},
        {"presets": (SPEARMAN,)},
        {"start": "logit"},
        {"start": "logit", "rule": Gradient()},
        {"rule": ZPlus()},
        {"rule": ZPlus(), "start": "unit"},
    ],
    ids=str,
)
def test_nothing_is_predicted_where_the_hypotheses_are_not_met(change):
    settings = (
        SETTINGS | {"network": NETWORK, "presets": (COSINE,), "orders": ("cascading",)} | change
    )
    assert randomisation.run(settings.pop("network"), IMAGES, **settings)["predicted"].isna().all()


def test_logits_start_another_quantity_than_what_is_predicted():
    """Maps that start with logits turn with the logit's sign, which the weights above decide."""
    found = {"unit": [], "logit": []}
    for k in range(60):
        rng = np.random.default_rng(k)
        network, images = random_mlp((4, 6, 2), rng=rng), rng.uniform(size=(4, 4))
        settings = {"rule": Gradient(), "seed": k, "target": 1, "presets": (COSINE,)}
        for start, values in found.items():
            table = randomisation.run(
                network, images, start=start, redraws=2, orders=("independent",), **settings
            )
            values.append(row(table, "independent", 2)["similarity"])
            assert np.isnan(table["predicted"]).all() == (start == "logit")
    # the law says 0 of the layer on top alone; a network that is dead for an image has no value
    unit, logit = (np.array(values)[~np.isnan(values)] for values in found.values())
    assert stats.ttest_1samp(unit, 0).pvalue > 1e-6 > stats.ttest_1samp(logit, 0).pvalue
