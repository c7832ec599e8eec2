"""What the presets of all sweeps have in common, so that they share students."""

MINIATURE = {
    "net.arch": "resnet18",
    "net.width": "8",
    "head.hidden_dims": "[256,256]",
    "head.bottleneck_dim": "64",
    "head.out_dim": "1024",
    "data.name": "fashion_mnist",
    "data.like": "fashion_mnist",
    "data.size": "16",
    "data.train_size": "10000",
    "distill.batch_size": "128",
    "distill.epochs": "10",
    "probe.train_size": "10000",
    "probe.test_size": "5000",
}

PAPER = {
    "seed": "0,1,2",
    "net.arch": "resnet18,vgg11",
    "data.name": "cifar10",
    "data.like": "cifar10",
    "distill.epochs": "100",
}
