"""First stage of the flow: upstream files, verified, under one local path. Only it uses the network."""
