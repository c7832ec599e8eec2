"""What a user can say: settings, their values and presets."""
