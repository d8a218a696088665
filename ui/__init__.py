"""What the pages share: forms, the live chart, the store and jobs of this server, and the frame around each page."""
