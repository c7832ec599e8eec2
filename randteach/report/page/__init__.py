"""One page of all studies in a store, in a file that needs no other."""
