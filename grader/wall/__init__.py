"""What separates student code from us: isolation, the warm worker and the wire."""
