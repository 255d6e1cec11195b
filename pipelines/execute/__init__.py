"""How a plan is carried out: the Beam graph, worker processes, and the commit of each shard."""
