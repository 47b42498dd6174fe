"""Reference values of the normal and of Student's t distribution, by SciPy.

python3 make-distributions.py > distributions.json
"""
import json
import platform

import numpy
import scipy
from scipy.stats import norm, t

FREEDOMS = [1, 2, 2.5, 3, 4, 4.37, 5, 7.77, 10, 19, 29, 30.5, 59, 100, 580, 12345.6, 99999, 123456]
PROBABILITIES = [1e-9, 1e-4, 0.005, 0.025, 0.05, 0.1, 0.25, 0.4, 0.49, 0.6, 0.8, 0.95, 0.975, 0.995, 0.9999]
VALUES = [-40, -6, -3, -2.5, -1, -0.1, -0.001, 0, 0.3, 1, 1.96, 2.999, 3.001, 5, 8]

print(json.dumps({
    'made_with': {'python': platform.python_version(), 'numpy': numpy.__version__, 'scipy': scipy.__version__},
    'normal': {
        'cdf': [[z, float(norm.cdf(z))] for z in [-37] + VALUES[1:]],
        'quantile': [[p, float(norm.ppf(p))] for p in PROBABILITIES],
    },
    'student': {
        'cdf': [[x, nu, float(t.cdf(x, nu))] for nu in FREEDOMS for x in VALUES],
        'quantile': [[p, nu, float(t.ppf(p, nu))] for nu in FREEDOMS for p in PROBABILITIES],
    },
}, indent=1))
