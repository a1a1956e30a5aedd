"""What `make bench` measures: ways to install a lock's wheels in Pyodide, against each other and against the limit."""
