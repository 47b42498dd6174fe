"""Programs and functions on every machine of a mesh, over the HTTP interface of a master."""

from .errors import CallError, FunctionError, MeshError, RemoteError
from .mesh import Completed, Job, Mesh

__all__ = ["CallError", "Completed", "FunctionError", "Job", "Mesh", "MeshError", "RemoteError"]
