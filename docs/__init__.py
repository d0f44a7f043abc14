"""The pages of the package, and the scripts that make what is shown in them."""
