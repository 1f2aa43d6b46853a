namespace OrleansGateway.Tests.Simulation;

internal static class Cli
{
    public static int Run(string[] args) => args.Length;
}
