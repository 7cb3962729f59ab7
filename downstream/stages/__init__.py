"""What downstream runs: importance estimation and link prediction."""
