"""A scalar program: how many primes below n, by trial division, and the sum of their digits."""


def primes(n):
    count = 0
    digits = 0
    for candidate in range(2, n):
        d = 2
        while d * d <= candidate:
            if candidate % d == 0:
                break
            d += 1
        else:
            count += 1
            rest = candidate
            while rest:
                digits += rest % 10
                rest //= 10
    return count, digits
