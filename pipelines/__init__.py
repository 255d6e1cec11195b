"""How a run happens: recipe, plan, Beam graph, launcher, manifests, command line. May import all."""
