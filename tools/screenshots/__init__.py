"""Takes the screenshots in the documents, of photos that it draws itself."""
