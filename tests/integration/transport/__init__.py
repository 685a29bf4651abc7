"""The links over real sockets, some of them between real processes."""
