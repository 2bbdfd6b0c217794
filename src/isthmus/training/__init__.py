"""Training: plan, loop, optimizer, fused passes, checkpointing."""
