"""What answers over HTTP: the Streamlit app's server."""
