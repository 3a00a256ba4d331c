"""What is trained and compared, and the runner that trains, scores, records and resumes."""
