"""Does a model choose the right tool for what a customer success manager asks, and is the answer true?"""
