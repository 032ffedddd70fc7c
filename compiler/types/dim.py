"""placeholder while the types helper writes it"""
