print("balancer")
