"""The only room that imports zmq."""
