"""Runs a program for each of N items on Dask workers; prints the seconds from submitting them to the last answer.

    python3 dask-each.py WORKERS   then on standard input, line by line: N; an empty line ends it
"""
import subprocess
import sys
import time

from distributed import Client, LocalCluster


def once(item):
    return subprocess.run(['true', str(item)], check=False).returncode


def main():
    workers = int(sys.argv[1])

    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, host='127.0.0.1') as cluster, Client(cluster) as client:
        print('ready', flush=True)

        for line in sys.stdin:
            if not line.strip():
                break

            began = time.monotonic()
            codes = client.gather(client.map(once, range(int(line)), pure=False))

            if any(codes):
                raise SystemExit('an item failed')

            print(time.monotonic() - began, flush=True)


if __name__ == '__main__':
    main()
