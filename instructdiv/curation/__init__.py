"""The whole flow, from a recipe to a mix that is written."""
