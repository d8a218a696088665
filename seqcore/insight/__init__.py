"""What happens inside a trained model: states, gates, attention, memory, and the equations of its cells."""
