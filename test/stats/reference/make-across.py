"""Reference values for several machines' ratios together, by NumPy and SciPy.

python3 make-across.py > across.json

Written from the formulas, not from the program: tau^2 by Brent's method on the
generalized Q, quantiles and moments by SciPy.
"""
import json
import platform

import numpy as np
import scipy
from scipy import optimize, stats


def paule_mandel(y, v):
    def excess(tau2):
        w = 1 / (v + tau2)
        return np.sum(w * (y - np.average(y, weights=w)) ** 2) - (len(y) - 1)

    return 0.0 if excess(0) <= 0 else optimize.brentq(excess, 0, 100 * np.var(y, ddof=1) + 1, xtol=1e-18, rtol=1e-14)


def these(y, e, f):
    k = len(y)
    df = np.sum(e ** 2) ** 2 / np.sum(e ** 4 / f)
    half = stats.t.ppf(0.975, df) * np.sqrt(np.sum(e ** 2)) / k
    return [float(np.exp(np.mean(y) + d)) for d in (0, -half, half)], float(half)


def like(y, e, f):
    k = len(y)
    # SciPy's own interval of a mean, and Hahn and Meeker's prediction interval.
    low, high = stats.t.interval(0.95, k - 1, loc=np.mean(y), scale=stats.sem(y))
    half = max((high - low) / 2, these(y, e, f)[1])
    predicted = np.sqrt((stats.t.ppf(0.975, k - 1) * np.std(y, ddof=1)) ** 2 + half ** 2)
    return [float(np.exp(np.mean(y) + d)) for d in (0, -half, half, -predicted, predicted)]


rng = np.random.default_rng(4)
cases = []

for k in (1, 2, 3, 5, 6, 11, 20):
    for tau in (0, 0.01, 0.03):
        f = rng.integers(5, 60, k).astype(float)
        e = 0.003 * 10 ** rng.uniform(0, 1, k)
        y = np.log(1.03) + tau * rng.standard_normal(k) + e * rng.standard_normal(k)
        cases.append({
            'estimates': [{'log': float(a), 'error': float(b), 'freedom': float(c)} for a, b, c in zip(y, e, f)],
            'these': these(y, e, f)[0],
            **({'like': like(y, e, f), 'tauSquared': paule_mandel(y, e ** 2)} if k >= 5 else {}),
        })

print(json.dumps({
    'made_with': {'python': platform.python_version(), 'numpy': np.__version__, 'scipy': scipy.__version__},
    'cases': cases,
}, indent=1))
