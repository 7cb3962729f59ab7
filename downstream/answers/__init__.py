"""What a finished run can say: the importance of every node, and what completes a triple."""
