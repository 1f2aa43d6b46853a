using Xunit;

namespace OrleansGateway.Tests.Simulation.Running;

public sealed class CliTests
{
    /// <summary>One seed reaches few of the rare states, and without faults nothing of them.</summary>
    [Fact]
    public void Run_SeedsThatLeaveOutWhatTheyMustReach_ExitsWith2() =>
        Assert.Equal(2, Cli.Run(["--seeds", "1", "--faults", "0"]));
}
