using Xunit;

// Each test has the machine to itself: clusters are many processes.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
