"""Reference values of rank tests and correlations, by SciPy and NumPy.

python3 make-rank-tests.py > rank-tests.json
"""
import json
import platform

import numpy
import scipy
from scipy.stats import mannwhitneyu, spearmanr, wilcoxon

random = numpy.random.default_rng(20)


def continuous(n, center=0.0):
    return [float(x) for x in random.standard_t(3, n) + center]


def tied(n, center=0):
    return [int(x) for x in random.integers(0, 6, n) + center]


def signed_rank(differences):
    method = 'exact' if len(differences) <= 20 else 'asymptotic'
    p = {side: float(wilcoxon(differences, alternative=side, method=method, correction=True, zero_method='pratt').pvalue)
         for side in ('greater', 'less')}
    return {'differences': differences, 'above': p['greater'], 'below': p['less']}


def hodges_lehmann(values):
    x = numpy.array(values)
    i, j = numpy.triu_indices(len(x))
    return {'values': values, 'estimate': float(numpy.median((x[i] + x[j]) / 2))}


def mann_whitney(first, second, method):
    found = mannwhitneyu(first, second, alternative='two-sided', method=method)
    return {'first': first, 'second': second, 'u': float(found.statistic), 'p': float(found.pvalue)}


def spearman(values):
    found = spearmanr(values, range(len(values)))
    return {'values': values, 'rho': float(found.statistic), 'p': float(found.pvalue)}


print(json.dumps({
    'made_with': {'python': platform.python_version(), 'numpy': numpy.__version__, 'scipy': scipy.__version__},
    'signedRank': [signed_rank(continuous(n, center)) for n in (3, 6, 11, 20) for center in (0, 0.7)],
    'signedRankOfMany': [signed_rank(continuous(n, 0.3)) for n in (21, 50, 200)],
    'hodgesLehmann': [hodges_lehmann(values) for values in
                      [continuous(n) for n in (1, 2, 3, 6, 30, 121)] + [tied(n) for n in (4, 15, 40)]],
    'mannWhitney': [mann_whitney(continuous(n), continuous(m, center), 'exact')
                    for n, m in ((1, 1), (2, 3), (8, 20), (20, 20)) for center in (0, 1)]
                   + [mann_whitney(continuous(n), continuous(m, 0.4), 'asymptotic') for n, m in ((30, 30), (5, 60), (100, 41))]
                   + [mann_whitney(tied(n), tied(m, shift), 'asymptotic') for n, m in ((3, 4), (10, 8), (40, 55)) for shift in (0, 1)],
    'spearman': [spearman(continuous(n)) for n in (3, 5, 10, 30, 200)] + [spearman(tied(n)) for n in (8, 31)]
                + [spearman([x + 0.05 * i for i, x in enumerate(continuous(40))])],
}, indent=1))
