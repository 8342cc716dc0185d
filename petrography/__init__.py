"""The science of Petroserve: pure functions on arrays, from image to mineralogy."""
